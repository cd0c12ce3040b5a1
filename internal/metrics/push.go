package metrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sockeye-net/sockeye/watch"
)

// PushConfig says where to push, and what.
type PushConfig struct {
	Endpoint string        // the base of OTLP over HTTP: http://127.0.0.1:4318; /v1/metrics and /v1/logs are added
	Headers  [][2]string   // of each request, such as Authorization
	Interval time.Duration // from one push to the next; 0 is a minute
	Host     string        // host.name
	Logs     bool          // events, too
	Queue    int           // events that wait to be pushed, at most; 0 is 8192
	Client   *http.Client  // nil is one with a timeout that follows no redirects
}

// maxBatch is how many log records a request has.
const maxBatch = 1024

// Pusher pushes metrics and events to an OTLP receiver. Report may be called while Run runs.
type Pusher struct {
	cfg     PushConfig
	metrics *Metrics
	queue   chan logRecord
	from    resource
	notes   func(error)
}

// pushCounts are what became of what was pushed.
type pushCounts struct {
	on                              atomic.Bool
	pushes, failures, logs, dropped atomic.Uint64
}

func (c *pushCounts) families() []family {
	if !c.on.Load() {
		return nil
	}
	return []family{
		single("sockeye_otlp_pushes_total", "Requests that the OTLP receiver has taken.", "{request}", counter, count(c.pushes.Load())),
		single("sockeye_otlp_failures_total", "Requests that the OTLP receiver has not taken.", "{request}", counter, count(c.failures.Load())),
		single("sockeye_otlp_logs_total", "Events that the OTLP receiver has taken.", "{event}", counter, count(c.logs.Load())),
		single("sockeye_otlp_logs_dropped_total", "Events that were not pushed, because too many waited or the receiver refused them.",
			"{event}", counter, count(c.dropped.Load())),
	}
}

// NewPusher checks the endpoint. notes is told of each first failure after a success; nil is nobody.
func NewPusher(m *Metrics, cfg PushConfig, notes func(error)) (*Pusher, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is no OTLP endpoint: it is http://HOST:PORT or https://HOST:PORT", redacted(cfg.Endpoint))
	}
	cfg.Endpoint = strings.TrimSuffix(cfg.Endpoint, "/")
	if cfg.Interval <= 0 {
		cfg.Interval = time.Minute
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 8192
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: 5 * time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if notes == nil {
		notes = func(error) {}
	}
	m.pushed.on.Store(true)
	from := resource{[]attribute{text("service.name", "sockeye"), text("service.version", m.cfg.Version), text("host.name", cfg.Host)}}
	return &Pusher{cfg: cfg, metrics: m, queue: make(chan logRecord, cfg.Queue), from: from, notes: notes}, nil
}

// redacted is an endpoint without a password that somebody wrote into it.
func redacted(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil && u.User != nil {
		return u.Redacted()
	}
	return endpoint
}

// Report queues the events of a report. It never waits: where the queue is full they are dropped, and counted.
func (p *Pusher) Report(r *watch.Report) {
	if !p.cfg.Logs {
		return
	}
	for i := range r.Events {
		select {
		case p.queue <- logOf(&r.Events[i], r.Time):
		default:
			p.metrics.pushed.dropped.Add(1)
		}
	}
}

// lastPush is how long pushing may go on when it is to end.
const lastPush = 2 * time.Second

// Run pushes until the context ends. What is under way then goes on, and what waits is pushed once more, for at most lastPush.
func (p *Pusher) Run(ctx context.Context) {
	defer p.cfg.Client.CloseIdleConnections()
	pushing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastPush, cancel) })()
	tick := time.NewTicker(p.cfg.Interval)
	defer tick.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			_ = p.push(pushing, time.Now()) // there is no later push that could do better
			return
		case now := <-tick.C:
			err := p.push(pushing, now)
			if err != nil && !failed {
				p.notes(fmt.Errorf("pushing to %s: %w", p.cfg.Endpoint, err))
			}
			failed = err != nil
		}
	}
}

// push sends the metrics, and then the events that wait. Metrics are cumulative, so what failed comes with the next push.
func (p *Pusher) push(ctx context.Context, now time.Time) error {
	body, err := p.metrics.metricsJSON(p.from, now)
	if err == nil {
		err = p.post(ctx, "/v1/metrics", body)
	}
	return errors.Join(err, p.pushLogs(ctx))
}

func (p *Pusher) pushLogs(ctx context.Context) error {
	for len(p.queue) > 0 {
		batch := p.batch()
		body, err := logsJSON(p.from, p.metrics.scope(), batch)
		if err == nil {
			err = p.deliver(ctx, body)
		}
		if err != nil {
			p.metrics.pushed.dropped.Add(uint64(len(batch)))
			return err
		}
		p.metrics.pushed.logs.Add(uint64(len(batch)))
	}
	return nil
}

func (p *Pusher) batch() (batch []logRecord) {
	for len(batch) < maxBatch {
		select {
		case r := <-p.queue:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// deliver tries again where the receiver says that it may work later: an event is in no later push.
func (p *Pusher) deliver(ctx context.Context, body []byte) (err error) {
	wait := time.Second
	for range 4 {
		err = p.post(ctx, "/v1/logs", body)
		var status *statusError
		var partly *rejectedError
		if err == nil || errors.As(err, &partly) || errors.As(err, &status) && !status.temporary() {
			return err
		}
		if status != nil && status.after > 0 {
			wait = min(status.after, 30*time.Second)
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
		wait *= 2
	}
	return err
}

// statusError is an answer other than success.
type statusError struct {
	code  int
	says  string
	after time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the receiver answers %d %s", e.code, e.says)
}

// temporary are the codes that OTLP says may be tried again.
func (e *statusError) temporary() bool {
	return e.code == http.StatusTooManyRequests || e.code == http.StatusBadGateway || e.code == http.StatusServiceUnavailable || e.code == http.StatusGatewayTimeout
}

func (p *Pusher) post(ctx context.Context, path string, body []byte) error {
	err := p.send(ctx, path, body)
	if err != nil {
		p.metrics.pushed.failures.Add(1)
		return err
	}
	p.metrics.pushed.pushes.Add(1)
	return nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

func (p *Pusher) send(ctx context.Context, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.cfg.Endpoint+path, bytes.NewReader(zipped(body)))
	if err != nil {
		return err
	}
	for _, h := range p.cfg.Headers {
		req.Header.Set(h[0], h[1])
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := p.cfg.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 != 2 {
		return &statusError{resp.StatusCode, label(strings.Join(strings.Fields(string(answer)), " ")), retryAfter(resp)}
	}
	if err != nil {
		return err
	}
	return rejected(answer)
}

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// rejectedError is what a receiver took only a part of. It must not be sent again: the other part would come twice.
type rejectedError struct{ n, says string }

func (e *rejectedError) Error() string { return "the receiver rejects " + e.n + " of it: " + e.says }

// rejected reads ExportMetricsPartialSuccess and ExportLogsPartialSuccess.
func rejected(answer []byte) error {
	var a struct {
		PartialSuccess struct {
			Points  json.RawMessage `json:"rejectedDataPoints"`
			Records json.RawMessage `json:"rejectedLogRecords"`
			Message string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return nil // a receiver may answer in whatever form; the code said that it was taken
	}
	for _, n := range []json.RawMessage{a.PartialSuccess.Points, a.PartialSuccess.Records} {
		if s := strings.Trim(string(n), `"`); s != "" && s != "0" {
			return &rejectedError{label(s), label(a.PartialSuccess.Message)}
		}
	}
	return nil
}
