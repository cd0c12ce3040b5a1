package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// topWorld is a world whose watcher tells sockets apart.
func topWorld(t *testing.T) *world {
	s := sampleWatcher()
	name := func(sock *netstat.Socket) {
		sock.Cookie = 1 + uint64(sock.Local.Port())<<16 + uint64(sock.Remote.Port())
	}
	for i := range s.flows {
		name(s.flows[i].Socket)
	}
	for i := range s.reports {
		for j := range s.reports[i].Events {
			name(&s.reports[i].Events[j].Socket)
		}
	}
	w := newWorld(t)
	w.OpenWatch = func(*watch.Config) (Watcher, error) { return s, nil }
	return w
}

// TestTopBatch writes every view as text, and for programs.
func TestTopBatch(t *testing.T) {
	for name, line := range map[string]string{
		"top-connections": "top -b --count 1", "top-listeners": "top -b --view listeners", "top-processes": "top -b --view processes --rows 1",
		"top-hosts": "top -b --view hosts -H", "top-interfaces": "top -b --view interfaces --bits", "top-filter": "top -b --columns remote,owners dport = :443",
		"top-json": "top -b --json --count 1", "top-hosts-csv": "top -b --view hosts --csv", "top-interfaces-jsonl": "top -b --view interfaces --jsonl",
	} {
		t.Run(name, func(t *testing.T) {
			w := topWorld(t)
			w.Run(t.Context(), strings.Fields(line))
			golden(t, name+".txt", w.out.String())
		})
	}
}

func TestTopRefuses(t *testing.T) {
	for line, part := range map[string]string{
		"top":                              "needs a terminal",
		"top --count 1":                    "go with -b",
		"top -b --view house":              `--view is one of connections`,
		"top -b --interval 1ms":            "at least 10ms",
		"top -b --rows -1":                 "negative",
		"top -b --columns proto,house":     `no column "house"`,
		"top -b --sort house":              `no column "house"`,
		"top -b --theme pink":              `no theme "pink"`,
		"top -b --json --csv":              "exclude each other",
		"top -b state nowhere":             "nowhere",
		"top -b --color green":             "--color",
		"top -b country = CN":              "database",
		"top -b --view hosts --sort inode": `no column "inode"`,
	} {
		w := newWorld(t)
		if code := w.Run(t.Context(), strings.Fields(line)); code != exitUnknown || !strings.Contains(w.err.String(), part) || strings.Count(w.err.String(), "\n") != 1 {
			t.Errorf("%s: exit %d: %s", line, code, w.err.String())
		}
	}
	w := newWorld(t)
	if code := w.Run(t.Context(), strings.Fields("top -b proto = tcp and proto = udp")); code != exitNotFound {
		t.Error("a filter that nothing can match: exit", code)
	}
}

// What the watcher is asked for, and what is said when it fails.
func TestTopWatcher(t *testing.T) {
	w := newWorld(t)
	s := sampleWatcher()
	w.OpenWatch = func(c *watch.Config) (Watcher, error) { s.config = c; return s, nil }
	s.partial = []error{errors.New("UDP is not counted")}
	w.Run(t.Context(), strings.Fields("top -b -t -4 --interval 3s --count 1"))
	if c := s.config; c.Interval != 3*time.Second || !c.NoLinks || c.Query.Protos == 0 || c.Query.Families == 0 || !s.closed {
		t.Errorf("asked for %+v, closed %v", c, s.closed)
	}
	if n := strings.Count(w.err.String(), "UDP is not counted"); n != 1 {
		t.Errorf("said %d times: %s", n, w.err.String())
	}
	w = newWorld(t)
	s = sampleWatcher()
	broken := errors.New("the table is broken")
	s.errs = []error{broken, broken, broken}
	w.OpenWatch = func(*watch.Config) (Watcher, error) { return s, nil }
	if code := w.Run(t.Context(), strings.Fields("top -b --json")); code != exitUnknown || !strings.Contains(w.out.String(), `"partial":["the table is broken"]`) {
		t.Errorf("exit %d: %s%s", code, w.out.String(), w.err.String())
	}
}

func TestTopCompletion(t *testing.T) {
	w := newWorld(t)
	w.Run(t.Context(), []string{"__complete", "top", "--view", "hosts", "--columns", "asn,"})
	if out := w.out.String(); !strings.Contains(out, "asn,remote_addr\n") || strings.Contains(out, "inode") {
		t.Errorf("offered:\n%s", out)
	}
}
