package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (%v); got:\n%s", name, err, got)
	}
}

// fakeTable is a table without a kernel.
type fakeTable struct {
	sockets []netstat.Socket
	partial []error
	readErr error
	queries []netstat.Query
	closed  bool
	opened  int
}

func (t *fakeTable) matching(q netstat.Query) (found []netstat.Socket) {
	t.queries = append(t.queries, q)
	for _, s := range t.sockets {
		family := netstat.IPv6
		if s.Local.Addr().Is4() {
			family = netstat.IPv4
		}
		if !q.Protos.Has(s.Proto) || !q.States.Has(s.State) || q.Families != 0 && q.Families&family == 0 ||
			len(q.LocalPorts) > 0 && !slices.Contains(q.LocalPorts, s.Local.Port()) || !q.AllNetNS && s.NetNS > 1 ||
			q.Held && len(s.Owners) == 0 && !s.Missing.Hides() {
			continue
		}
		if q.Owner == netstat.OwnerNone {
			s.Owners, s.Missing = nil, netstat.NotMissing
		}
		if q.Owner < netstat.OwnerModule {
			s.Module = ""
		}
		found = append(found, s)
	}
	return found
}

func (t *fakeTable) All(q netstat.Query) iter.Seq2[*netstat.Socket, error] {
	return func(yield func(*netstat.Socket, error) bool) {
		if t.readErr != nil {
			yield(nil, t.readErr)
			return
		}
		var reused netstat.Socket
		for _, reused = range t.matching(q) {
			if !yield(&reused, nil) {
				return
			}
		}
		for _, err := range t.partial {
			if !yield(nil, err) {
				return
			}
		}
	}
}

func (t *fakeTable) Read(q netstat.Query, s *netstat.Snapshot) error {
	s.Sockets, s.Partial, s.Method = t.matching(q), t.partial, netstat.Walker
	return t.readErr
}

func (t *fakeTable) Close() error {
	t.closed = true
	return nil
}

var (
	now     = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	nginx   = &netstat.Process{PID: 4242, Name: "nginx", Module: "nginx.service", Started: now.Add(-3 * time.Hour)}
	worker  = &netstat.Process{PID: 4243, Name: "nginx", Module: "nginx.service", Started: now.Add(-time.Minute)}
	curl    = &netstat.Process{PID: 99, Name: "curl", Started: now.Add(-72 * time.Hour)}
	forward = &netstat.Process{PID: 500, Name: "docker-proxy"}
	inside  = &netstat.Process{PID: 600, Name: "redis-server", Module: "docker-0123456789ab.scope"}
	other   = &netstat.Process{PID: 601, Name: "redis-server", Module: "docker-ba9876543210.scope"}
)

func own(procs ...*netstat.Process) (owners []netstat.Owner) {
	for i, p := range procs {
		owners = append(owners, netstat.Owner{Process: p, FD: int32(6 + i)})
	}
	return owners
}

func ap(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

func tcp(state netstat.State, local, remote string, owners ...*netstat.Process) netstat.Socket {
	return netstat.Socket{Proto: netstat.TCP, State: state, Local: ap(local), Remote: ap(remote), HasUID: true, HasQueues: true, NetNS: 1, Inode: 7, Owners: own(owners...)}
}

func without(s netstat.Socket, m netstat.Missing) netstat.Socket {
	s.Missing, s.Inode, s.HasUID = m, 0, m.Hides()
	return s
}

func sampleTable() *fakeTable {
	udp := tcp(netstat.Unconnected, "127.0.0.53:53", "0.0.0.0:0", curl)
	udp.Proto = netstat.UDP
	unix := netstat.Socket{Proto: netstat.Unix, Type: netstat.Stream, State: netstat.Listen, Path: "/run/x.sock", HasUID: true, HasQueues: true, NetNS: 1, Inode: 9}
	listener := tcp(netstat.Listen, "0.0.0.0:8080", "0.0.0.0:0", nginx, worker)
	listener.Module = "nginx.service"
	container := tcp(netstat.Listen, "0.0.0.0:6379", "0.0.0.0:0", inside)
	container.NetNS = 2
	decoy := tcp(netstat.Listen, "0.0.0.0:6379", "0.0.0.0:0", other)
	decoy.NetNS = 3
	return &fakeTable{sockets: []netstat.Socket{
		tcp(netstat.Established, "10.0.0.1:50000", "192.0.2.7:443", curl),
		tcp(netstat.Established, "10.0.0.1:8080", "192.0.2.8:1025", worker),
		tcp(netstat.Established, "10.0.0.1:8080", "192.0.2.9:1026", worker),
		listener,
		tcp(netstat.Listen, "[::]:8080", "[::]:0", nginx, worker),
		without(tcp(netstat.TimeWait, "10.0.0.1:8080", "192.0.2.9:1027"), netstat.MissingTimeWait),
		without(tcp(netstat.TimeWait, "10.0.0.1:81", "192.0.2.9:1028"), netstat.MissingTimeWait),
		without(tcp(netstat.Listen, "0.0.0.0:631", "0.0.0.0:0"), netstat.MissingPermission),
		without(tcp(netstat.Listen, "0.0.0.0:2049", "0.0.0.0:0"), netstat.MissingNoHolder),
		tcp(netstat.Listen, "0.0.0.0:16379", "0.0.0.0:0", forward),
		container, decoy, udp, unix,
	}}
}

// details are what the fake processes tell about themselves.
func details(p *netstat.Process) (netstat.Details, error) {
	switch p {
	case forward:
		return netstat.Details{Args: strings.Fields("/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 16379 -container-ip 172.17.0.2 -container-port 6379")}, nil
	case curl:
		return netstat.Details{}, errors.New("command line: permission denied")
	case nginx:
		return netstat.Details{Exe: "/usr/sbin/nginx", Args: []string{"nginx: master process \x1b[31m"}, User: "root", Started: p.Started,
			Parents: []netstat.Parent{{PID: 40, Name: "shim"}, {PID: 1, Name: "systemd"}}, Module: p.Module}, nil
	}
	return netstat.Details{Exe: "/usr/sbin/nginx", Args: []string{"nginx", "-c", "/etc/my conf"}, User: "www-data", Started: p.Started, Module: p.Module}, nil
}

// world is an environment for tests, and what came out of it.
type world struct {
	Env
	out, err bytes.Buffer
	table    *fakeTable
	vars     map[string]string
	config   *netstat.Config
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{table: sampleTable(), vars: map[string]string{"SOCKEYE_CONFIG": os.DevNull}} // whatever this machine has
	w.Env = Env{
		Stdout: &w.out, Stderr: &w.err, Getenv: func(k string) string { return w.vars[k] }, Now: func() time.Time { return now },
		Hostname: func() string { return "box" }, User: func() string { return "tester (uid 5)" }, Kernel: func() string { return "Linux 6" },
		Names:   view.Names{UserName: func(uid uint32) string { return map[uint32]string{0: "root"}[uid] }},
		Open:    func(c *netstat.Config) (SocketTable, error) { w.config = c; w.table.opened++; return w.table, nil },
		Details: details, Probe: func() []netstat.Capability { return nil },
		Pin: func(netstat.PinConfig) error { return nil }, Unpin: func() error { return nil },
		Build:          func() (*debug.BuildInfo, bool) { return nil, false },
		OpenInterfaces: func(*ifstat.Config) (InterfaceTable, error) { return sampleInterfaces(), nil },
		OpenWatch:      func(*watch.Config) (Watcher, error) { return sampleWatcher(), nil },
		LocalAddrs: func(pid int) []netip.Addr {
			if pid == inside.PID {
				return []netip.Addr{netip.MustParseAddr("172.17.0.2")}
			}
			return nil
		},
	}
	return w
}

// run runs a command line of words without spaces.
func (w *world) run(line string) int { return w.Run(context.Background(), strings.Fields(line)) }

// check runs a command and compares all that it gives.
func (w *world) check(t *testing.T, line string, code int, stderr string) {
	t.Helper()
	w.out.Reset()
	w.err.Reset()
	if got := w.run(line); got != code {
		t.Errorf("sockeye %s: exit %d, want %d", line, got, code)
	}
	if got := w.err.String(); got != stderr {
		t.Errorf("sockeye %s says %q, want %q", line, got, stderr)
	}
}

// fullDisk refuses all writes.
type fullDisk struct{ err error }

func (f fullDisk) Write([]byte) (int, error) { return 0, f.err }

var _ io.Writer = fullDisk{}
