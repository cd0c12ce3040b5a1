package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Who has no token must not learn whose a socket is by any question. To find out, two servers see the same sockets, which belong
// to other processes, units and control groups: whatever is asked for, both have to answer the same.

// dealt is a watcher over sockets whose owners are dealt out by somebody.
type dealt struct {
	sockets []netstat.Socket
	flows   []watch.Flow
	usage   [3][]watch.Usage
}

func (d *dealt) Next(ctx context.Context) (*watch.Report, error) { return nil, watch.ErrClosed }
func (d *dealt) Partial() []error                                { return nil }
func (d *dealt) Source() watch.Source                            { return watch.FromReading }
func (d *dealt) Interval() time.Duration                         { return time.Second }

func (d *dealt) Usage(by watch.By, dst []watch.Usage) []watch.Usage {
	return append(dst, d.usage[by]...)
}

func (d *dealt) Flows(yield func(*watch.Flow) bool) {
	for i := range d.flows {
		if !yield(&d.flows[i]) {
			return
		}
	}
}

// deal gives socket i to a process; nil is to none that is known.
type deal func(i, reading int) *netstat.Process

var dealtAt = time.Unix(1_760_000_000, 0).UTC()

// table has sockets with and without what they are known by, each with an owner.
func (d *dealt) table(to deal, reading int) {
	d.sockets, d.flows, d.usage = nil, nil, [3][]watch.Usage{}
	for i := range 24 {
		s := netstat.Socket{Proto: netstat.TCP, State: netstat.Established, UID: uint32(i % 3), HasUID: true, NetNS: 7, Inode: uint64(100 + i), Cookie: uint64(200 + i),
			Local: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(1000+i%5)), Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, 8, byte(i % 4)}), 443)}
		switch i % 4 {
		case 1:
			s.Proto, s.State, s.Remote = netstat.UDP, netstat.Unconnected, netip.AddrPort{}
		case 2:
			s.State, s.Remote = netstat.Listen, netip.AddrPort{}
		case 3:
			s.Cookie = 0
		}
		if i > 12 { // as on Windows
			s.Cookie, s.Inode, s.HasUID = 0, 0, false
		}
		if p := to(i, reading); p != nil {
			s.Owners, s.Module, s.Cgroup = []netstat.Owner{{Process: p, FD: int32(p.PID % 17)}}, p.Module, uint64(p.PID)
			d.usage[watch.ByProcess] = append(d.usage[watch.ByProcess], watch.Usage{Process: p, Open: 1})
			d.usage[watch.ByUnit] = append(d.usage[watch.ByUnit], watch.Usage{Unit: p.Module, Open: 1})
		} else {
			s.Missing = netstat.MissingPermission
		}
		d.sockets = append(d.sockets, s)
	}
	for i := range d.sockets {
		d.flows = append(d.flows, watch.Flow{Socket: &d.sockets[i], Delta: watch.Bytes{Sent: uint64(i * reading)}})
	}
	d.usage[watch.ByRemote] = []watch.Usage{{Remote: netip.MustParseAddr("8.8.8.1"), Open: 6}}
}

func (d *dealt) report(reading int) *watch.Report {
	r := &watch.Report{Time: dealtAt.Add(time.Duration(reading) * time.Second), Elapsed: time.Second}
	for i := range d.sockets {
		kinds := []watch.Kind{watch.Opened, watch.Closed, watch.StateChanged, watch.ListenerAppeared}
		r.Events = append(r.Events, watch.Event{Kind: kinds[i%4], Time: r.Time, Socket: d.sockets[i], OwnerFrom: watch.OwnerFrom(1 + len(d.sockets[i].Owners))})
	}
	return r
}

// dealtWorld is a server over such a watcher.
type dealtWorld struct {
	watcher *dealt
	hub     *Hub
	server  *Server
	to      deal
	reading int
}

func newDealtWorld(to deal) *dealtWorld {
	w := &dealtWorld{watcher: new(dealt), to: to}
	names := view.Names{
		UserName:  func(uid uint32) string { return []string{"root", "www", "ann"}[uid%3] },
		OwnerUser: func(p *netstat.Process) string { return "user-of-" + p.Name },
		Place:     func(a netip.Addr) *geoip.Location { return nil },
	}
	missing := func() []error { return []error{fmt.Errorf("/home/somebody/%p cannot be written", w)} }
	w.hub = NewHub(HubConfig{Watcher: w.watcher, Names: names, Host: "here", Now: func() time.Time { return dealtAt }, MaxViewers: 1000, Missing: missing,
		Details: func(p *netstat.Process) (netstat.Details, error) {
			return netstat.Details{Exe: "/bin/" + p.Name, Args: []string{p.Name, "--secret"}, User: "user-of-" + p.Name}, nil
		}})
	w.server = New(Config{Hub: w.hub, Keys: NewKeys(testToken, time.Now), Open: true, Version: "test"})
	w.read()
	return w
}

func (w *dealtWorld) read() {
	w.reading++
	w.watcher.table(w.to, w.reading)
	w.hub.take(w.watcher.report(w.reading))
}

func (w *dealtWorld) get(target, secret string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL.Path, r.URL.RawQuery, _ = strings.Cut(target, "?")
	r.Host = "localhost"
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

// twins are three servers: whose sockets are of some processes, of others that change with each reading, and of none.
func twins() []*dealtWorld {
	some := []*netstat.Process{{PID: 11, Name: "nginx", Module: "nginx.service"}, {PID: 12, Name: "sshd", Module: "ssh.service"}}
	other := []*netstat.Process{{PID: 9001, Name: "hunter2", Module: "secret.scope"}, {PID: 9002, Name: "zz"}, {PID: 9003, Name: "aa"}}
	return []*dealtWorld{
		newDealtWorld(func(i, _ int) *netstat.Process { return some[i%2] }),
		newDealtWorld(func(i, reading int) *netstat.Process { return other[(i*reading)%3] }),
		newDealtWorld(func(int, int) *netstat.Process { return nil }),
	}
}

// FuzzQuestion: whatever is asked for without the token, the answer is the same whoever owns the sockets; with it, it is what
// the format promises. Neither takes long.
func FuzzQuestion(f *testing.F) {
	for _, filter := range []string{"", "process ~ hunter", "pid > 100", "owner = some", "owner = none", "unit = nginx.service", "user = root or user ~ hunter", "not process = sshd",
		"fd < 5", "state listening and process != zz", "sport = 1001 and ( owner = permission )", "country = us", "user ~ \"(.?){1000}(.?){1000}(.?){1000}(.?){1000}\""} {
		f.Add(uint8(0), filter, "process,-pid,user,unit", "json", "5")
		f.Add(uint8(1), filter, "-fd,exe,cmdline", "csv", "")
		f.Add(uint8(2), filter, "rate", "jsonl", "1")
	}
	worlds := twins()
	for _, w := range worlds {
		w.read()
	}
	paths := []string{"/api/sockets", "/api/listeners", "/api/hosts", "/api/interfaces", "/api/status", "/api/processes", "/api/units"}
	f.Fuzz(func(t *testing.T, path uint8, filter, sort, format, limit string) {
		q := url.Values{}
		for name, value := range map[string]string{"filter": filter, "sort": sort, "format": format, "limit": limit} {
			if value != "" {
				q.Set(name, value)
			}
		}
		where := paths[int(path)%len(paths)]
		began := time.Now()
		code, body := worlds[0].get(where+"?"+q.Encode(), "")
		for _, w := range worlds[1:] {
			if code2, body2 := w.get(where+"?"+q.Encode(), ""); code2 != code || body2 != body {
				t.Errorf("%s %q: the answer depends on who owns the sockets:\n%d %s\n%d %s", where, q, code, body, code2, body2)
			}
		}
		code, body = worlds[1].get(where+"?"+q.Encode(), testToken)
		if err := asPromised(code, format, body); err != nil {
			t.Errorf("%s %q: %v in %s", where, q, err, body)
		}
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("%s %q takes %v", where, q, d)
		}
	})
}

func asPromised(code int, format, body string) error {
	switch {
	case code != 200 && code != 400:
		return fmt.Errorf("the code %d", code)
	case code == 400 || format == "" || format == "json":
		if !json.Valid([]byte(body)) {
			return fmt.Errorf("no JSON")
		}
	case format == "jsonl":
		for line := range strings.Lines(body) {
			if !json.Valid([]byte(line)) {
				return fmt.Errorf("no JSON: %q", line)
			}
		}
	case format == "csv":
		_, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		return err
	}
	return nil
}

// TestTwinStreams: frames of the stream are the same, too: rows, their numbers, what changes, and events.
func TestTwinStreams(t *testing.T) {
	all := []topic{onSockets, onHosts, onInterfaces, onEvents}
	for _, filter := range []string{"", "process ~ hunter or sport = 1001", "owner = some", "not unit = secret.scope"} {
		var told []string
		for _, w := range twins() {
			v, err := w.hub.join(wishes{topics: all, filter: filter})
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				w.read()
			}
			w.hub.Leave(v)
			text := ""
			for frames := range v.queue {
				text += string(frames)
			}
			told = append(told, text)
		}
		for i := range told {
			if told[i] != told[0] {
				t.Errorf("filter %q: the stream depends on who owns the sockets:\n%s\n%s", filter, told[0], told[i])
				break
			}
		}
		if strings.Contains(told[1], "hunter2") || !strings.Contains(told[1], `"sport"`) && !strings.Contains(told[1], `"local_port":1001`) && filter != "owner = some" {
			t.Errorf("filter %q: %.500s", filter, told[1])
		}
	}
}

// TestTwinRows: two sockets that nothing tells apart are two rows.
func TestTwinRows(t *testing.T) {
	var i identities
	s := netstat.Socket{Proto: netstat.UDP, Local: netip.MustParseAddrPort("0.0.0.0:5353")}
	for seq := uint64(1); seq < 4; seq++ {
		if a, b := i.socket(&s, seq), i.socket(&s, seq); a != 1 || b != 2 {
			t.Errorf("reading %d: rows %d and %d", seq, a, b)
		}
		i.prune(seq)
	}
	if a := i.socket(&s, 4); a != 1 {
		t.Errorf("the one that is left is row %d", a)
	}
}
