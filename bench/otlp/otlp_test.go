// Package otlp holds what is pushed against OpenTelemetry's own code: the messages of opentelemetry-proto, and the receiver of
// its collector. It is a module of its own, since these are large and only a test needs them.
package otlp

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/sockeye-net/sockeye/internal/metrics"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// collector is the receiver of an OpenTelemetry collector, with sinks behind it.
type collector struct {
	endpoint string
	metrics  *consumertest.MetricsSink
	logs     *consumertest.LogsSink
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	f := otlpreceiver.NewFactory()
	cfg := f.CreateDefaultConfig().(*otlpreceiver.Config)
	cfg.HTTP.GetOrInsertDefault().ServerConfig.NetAddr.Endpoint = addr
	cfg.GRPC = configoptional.None[configgrpc.ServerConfig]()
	c := &collector{"http://" + addr, new(consumertest.MetricsSink), new(consumertest.LogsSink)}
	set := receivertest.NewNopSettings(f.Type())
	m, err := f.CreateMetrics(t.Context(), set, cfg, c.metrics)
	if err != nil {
		t.Fatal(err)
	}
	logs, err := f.CreateLogs(t.Context(), set, cfg, c.logs)
	if err != nil {
		t.Fatal(err)
	}
	host := componenttest.NewNopHost()
	if err := m.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(t.Context(), host); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.Shutdown(context.Background())
		_ = logs.Shutdown(context.Background())
	})
	return c
}

// watcher tells one process.
type watcher struct{ usage watch.Usage }

func (w *watcher) Usage(_ watch.By, dst []watch.Usage) []watch.Usage { return append(dst, w.usage) }

func (w *watcher) Flows(func(*watch.Flow) bool) {}

// TestCollector: the collector's receiver takes what is pushed, and finds in it what was counted.
func TestCollector(t *testing.T) {
	c := newCollector(t)
	m := metrics.New(metrics.Config{Version: "1.2"})
	p, err := metrics.NewPusher(m, metrics.PushConfig{Endpoint: c.endpoint, Interval: 50 * time.Millisecond, Host: "here", Logs: true}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	process := &netstat.Process{PID: 4242, Name: "nginx", Module: "nginx.service"}
	now := time.Now()
	report := &watch.Report{Time: now, Elapsed: time.Second, Events: []watch.Event{{Kind: watch.Closed, Source: watch.FromBPF, Time: now, Since: now.Add(-time.Second),
		Bytes: watch.Bytes{Sent: 5, Received: 6, Basis: watch.FromTCPInfo}, OwnerFrom: watch.OwnerActed,
		Socket: netstat.Socket{Proto: netstat.TCP, State: netstat.Established, Local: netip.MustParseAddrPort("127.0.0.1:80"),
			Remote: netip.MustParseAddrPort("192.0.2.1:443"), Owners: []netstat.Owner{{Process: process}}}}}}
	m.Report(&watcher{watch.Usage{Process: process, Delta: watch.Bytes{Sent: 1 << 60}, Open: 1}}, report)
	p.Report(report)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go p.Run(ctx)
	for end := time.Now().Add(10 * time.Second); c.logs.LogRecordCount() == 0 || c.metrics.DataPointCount() == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing comes")
		}
	}
	stop()
	checkMetrics(t, c.metrics.AllMetrics()[0])
	record := c.logs.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	for name, want := range map[string]any{"network.peer.address": "192.0.2.1", "network.peer.port": int64(443), "process.pid": int64(4242),
		"sockeye.rx_bytes": int64(6), "network.transport": "tcp", "sockeye.lifetime_ms": int64(1000)} {
		if got, has := record.Attributes().Get(name); !has || got.AsRaw() != want {
			t.Errorf("the log's %s is %v", name, got.AsRaw())
		}
	}
	if record.EventName() != "sockeye.closed" || record.SeverityText() != "INFO" || !record.Timestamp().AsTime().Equal(now.UTC().Round(0)) {
		t.Errorf("%s %s %v", record.EventName(), record.SeverityText(), record.Timestamp().AsTime())
	}
}

func checkMetrics(t *testing.T, all pmetric.Metrics) {
	t.Helper()
	resource := all.ResourceMetrics().At(0)
	if host, _ := resource.Resource().Attributes().Get("host.name"); host.Str() != "here" {
		t.Error("the host is", host.AsRaw())
	}
	seen := make(map[string]pmetric.Metric)
	for _, m := range resource.ScopeMetrics().At(0).Metrics().All() {
		seen[m.Name()] = m
	}
	sent := seen["sockeye_program_transmit_bytes"]
	if sent.Type() != pmetric.MetricTypeSum || !sent.Sum().IsMonotonic() || sent.Sum().AggregationTemporality() != pmetric.AggregationTemporalityCumulative {
		t.Fatalf("%v %v", sent.Name(), sent.Type())
	}
	point := sent.Sum().DataPoints().At(0)
	program, _ := point.Attributes().Get("program")
	if point.IntValue() != 1<<60 || program.Str() != "nginx" || point.StartTimestamp() == 0 || point.Timestamp() < point.StartTimestamp() {
		t.Errorf("%d of %s", point.IntValue(), program.Str())
	}
	if g := seen["sockeye_program_sockets"]; g.Type() != pmetric.MetricTypeGauge || g.Gauge().DataPoints().At(0).IntValue() != 1 {
		t.Errorf("%v", g.Type())
	}
	for _, m := range seen {
		if m.Type() == pmetric.MetricTypeEmpty || m.Description() == "" {
			t.Errorf("%s is empty", m.Name())
		}
	}
}
