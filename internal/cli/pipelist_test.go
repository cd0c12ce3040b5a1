package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/pipe"
)

// pipeWorld has pipes in every state.
func pipeWorld(t *testing.T) *world {
	w := newWorld(t)
	unix := func(typ netstat.SockType, state netstat.State, path string, waiting, limit uint32, owners ...*netstat.Process) netstat.Socket {
		return netstat.Socket{Proto: netstat.Unix, Type: typ, State: state, Path: path, RecvQ: waiting, SendQ: limit, HasQueues: true,
			HasUID: true, NetNS: 1, Inode: 9, Owners: own(owners...)}
	}
	w.table.sockets = append(w.table.sockets,
		unix(netstat.SeqPacket, netstat.Listen, "/run/p/one", 0, 10, nginx, worker),
		unix(netstat.SeqPacket, netstat.Established, "/run/p/one", 0, 0, nginx),
		unix(netstat.SeqPacket, netstat.Established, "/run/p/one", 0, 0, nginx),
		unix(netstat.Stream, netstat.Listen, "/run/p/full", 3, 2, curl),
		unix(netstat.Stream, netstat.Listen, "/run/q/another", 1, 2, curl),
		unix(netstat.Stream, netstat.Listen, "@abstract", 0, 2, curl),
		unix(netstat.Datagram, netstat.Unconnected, "/run/log", 0, 0, curl))
	w.Pipes = func() ([]pipe.Listed, error) {
		return []pipe.Listed{{Name: pipePrefix + "One", Path: "/run/p/one", MaxInstances: 4, User: "0"}, {Name: pipePrefix + "full", Path: "/run/p/full", User: "0"},
			{Name: pipePrefix + "dead\x1b[2J", Path: "/run/p/dead", Dead: true, User: "0"}}, nil
	}
	w.PipeAt = func(path string) (pipe.Listed, bool) {
		return pipe.Listed{Name: path}, path == "/run/q/another"
	}
	return w
}

func TestPipeList(t *testing.T) {
	for line, name := range map[string]string{"pipe list": "pipes.txt", "pipe list -a -H": "pipes-all.txt", "pipe list --json": "pipes.json",
		"pipe list --jsonl": "pipes.jsonl", "pipe list --csv": "pipes.csv"} {
		w := pipeWorld(t)
		w.check(t, line, exitFound, "")
		golden(t, name, w.out.String())
		if !w.table.closed {
			t.Error("the table was not closed")
		}
	}
}

// TestPipeListWindows: there pipes are no sockets.
func TestPipeListWindows(t *testing.T) {
	w := pipeWorld(t)
	w.PipeAt = nil
	w.Pipes = func() ([]pipe.Listed, error) {
		return []pipe.Listed{{Name: pipePrefix + "b", Instances: 1}, {Name: pipePrefix + "A", Instances: 12}}, nil
	}
	w.check(t, "pipe list", exitFound, "")
	golden(t, "pipes-windows.txt", w.out.String())
	w.check(t, "pipe list --jsonl", exitFound, "")
	golden(t, "pipes-windows.jsonl", w.out.String())
	if w.table.opened > 0 {
		t.Error("the socket table was opened")
	}
}

func TestPipeListNothing(t *testing.T) {
	w := pipeWorld(t)
	w.Pipes, w.table.sockets = func() ([]pipe.Listed, error) { return nil, nil }, nil
	w.check(t, "pipe list", exitNotFound, "")
	w.check(t, "pipe list --json --csv", exitUnknown, "sockeye: --json, --jsonl and --csv exclude each other\n")
	w.Pipes = func() ([]pipe.Listed, error) { return nil, errors.New("no\nway") }
	w.check(t, "pipe list", exitUnknown, "sockeye: no way\n")
	w = pipeWorld(t)
	some := w.Pipes
	w.Pipes = func() ([]pipe.Listed, error) { all, _ := some(); return all, errors.New("one directory is shut") }
	w.check(t, "pipe list", exitFound, "sockeye: note: one directory is shut\n")
	w = pipeWorld(t)
	w.table.readErr = errors.New("refused")
	w.check(t, "pipe list", exitUnknown, "sockeye: refused\n")
}

// TestPipeListHidden: what is missing is told where it may be the owner of a pipe.
func TestPipeListHidden(t *testing.T) {
	w := pipeWorld(t)
	w.table.partial = []error{errors.New("one process hides")}
	w.check(t, "pipe list", exitFound, "")
	for i := range w.table.sockets {
		if s := &w.table.sockets[i]; strings.HasSuffix(s.Path, "/full") {
			s.Owners, s.Missing = nil, netstat.MissingPermission
		}
	}
	w.check(t, "pipe list", exitFound, "sockeye: note: one process hides\n")
}

func TestPipeNames(t *testing.T) {
	w := pipeWorld(t)
	if got := strings.Join(w.pipeNames(), " "); got != "/run/q/another full One" {
		t.Errorf("%s", got)
	}
}
