package web

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

const benchRows = 10_000

// busyMachine has 10,000 sockets of 100 processes, of which each reading sees 1,000 move bytes and 50 replaced.
func busyMachine() *dealtWorld {
	var all []*netstat.Process
	for i := range 100 {
		all = append(all, &netstat.Process{PID: 1000 + i, Name: fmt.Sprint("program-", i), Module: fmt.Sprintf("unit-%d.service", i), Started: dealtAt})
	}
	d := new(dealt)
	for i := range benchRows {
		d.sockets = append(d.sockets, netstat.Socket{Proto: netstat.TCP, State: netstat.Established, UID: uint32(i % 3), HasUID: true, HasQueues: true, NetNS: 7, Inode: uint64(i + 1),
			Cookie: uint64(i + 1), Local: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(i)), Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, byte(i >> 8), byte(i)}), 443),
			Owners: []netstat.Owner{{Process: all[i%100], FD: int32(i)}}, Module: all[i%100].Module, Info: netstat.TCPInfo{Known: true, RTT: 1000}})
	}
	for i := range d.sockets {
		d.flows = append(d.flows, watch.Flow{Socket: &d.sockets[i]})
		if i < 2000 {
			d.usage[watch.ByRemote] = append(d.usage[watch.ByRemote], watch.Usage{Remote: d.sockets[i].Remote.Addr(), Open: 1})
		}
	}
	w := &dealtWorld{watcher: d}
	w.hub = NewHub(HubConfig{Watcher: d, Host: "here", Now: func() time.Time { return dealtAt }, Names: view.Names{UserName: func(uint32) string { return "root" }},
		Details: func(p *netstat.Process) (netstat.Details, error) {
			return netstat.Details{Exe: "/usr/bin/" + p.Name, Args: []string{p.Name, "--config", "/etc/" + p.Name}}, nil
		}})
	w.server = New(Config{Hub: w.hub, Keys: NewKeys(testToken, time.Now), Open: true})
	w.step(1)
	return w
}

// step is one reading.
func (w *dealtWorld) step(n int) {
	d := w.watcher
	for i := range d.flows {
		d.flows[i].Delta = watch.Bytes{}
	}
	for i := range 1000 {
		k := (n*1000 + i*7) % benchRows
		d.sockets[k].Info.Received += 100
		d.flows[k].Delta = watch.Bytes{Received: uint64(100 + n)}
	}
	for i := range 50 {
		d.sockets[(n*50+i)%benchRows].Cookie += benchRows
	}
	w.hub.take(&watch.Report{Time: dealtAt.Add(time.Duration(n) * time.Second), Elapsed: time.Second})
}

// BenchmarkReading is what a reading of 10,000 sockets costs the hub, beside making it: without viewers, and with some, of one
// wish or of several.
func BenchmarkReading(b *testing.B) {
	tables := []topic{onSockets, onHosts, onEvents}
	for name, all := range map[string][]wishes{
		"viewers=0":       nil,
		"viewers=1":       {{topics: tables, access: Full}},
		"both-accesses":   {{topics: tables, access: Full}, {topics: tables}},
		"filter":          {{topics: tables, access: Full, filter: "dport = 443 and process ~ ^program-1"}},
		"sixteen-filters": sixteenFilters(tables),
	} {
		b.Run(name, func(b *testing.B) {
			w := busyMachine()
			for _, wish := range all {
				v, err := w.hub.join(wish)
				if err != nil {
					b.Fatal(err)
				}
				go func() {
					for f := range v.queue {
						v.taken(f)
					}
				}()
				defer w.hub.Leave(v)
			}
			b.ReportAllocs()
			n := 1
			for b.Loop() {
				n++
				w.step(n)
			}
		})
	}
}

func sixteenFilters(tables []topic) (all []wishes) {
	for i := range 16 {
		all = append(all, wishes{topics: tables, access: Full, filter: fmt.Sprintf("sport > %d", i*100)})
	}
	return all
}

// BenchmarkTable is a question for all of 10,000 sockets.
func BenchmarkTable(b *testing.B) {
	w := busyMachine()
	for _, target := range []string{"/api/sockets", "/api/sockets?filter=process+~+9&sort=-process", "/api/sockets?format=csv"} {
		b.Run(target, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				code, body := w.get(target, testToken)
				if code != 200 {
					b.Fatal(code, body)
				}
				b.SetBytes(int64(len(body)))
			}
		})
	}
}

// TestBusyMachine: the benchmarks measure what they say.
func TestBusyMachine(t *testing.T) {
	w := busyMachine()
	_, body := w.get("/api/sockets", testToken)
	var doc struct{ Sockets []json.RawMessage }
	if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Sockets) != benchRows {
		t.Errorf("%v: %d", err, len(doc.Sockets))
	}
	v, err := w.hub.join(wishes{topics: []topic{onSockets}, access: Full})
	if err != nil {
		t.Fatal(err)
	}
	defer w.hub.Leave(v)
	whole := v.drain()
	w.step(2)
	if delta := v.drain(); len(delta) < len(whole)/20 || len(delta) > len(whole)/4 {
		t.Errorf("%d bytes of %d change", len(delta), len(whole))
	}
}
