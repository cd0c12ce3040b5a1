package netstat

import (
	"net"
	"os"
	"testing"

	"github.com/sockeye-net/sockeye/internal/fdwalk"
)

// reader reads one port's listener again and again, by /proc.
type reader struct {
	*testing.T
	table *Table
	src   *procSource
	port  uint16
	snap  Snapshot
}

func listenOn(t *testing.T, addr string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func newReader(t *testing.T, l *net.TCPListener) *reader {
	t.Helper()
	table, err := Open(&Config{Method: Proc})
	if err != nil {
		t.Skipf("no sock_diag: %v", err)
	}
	t.Cleanup(func() { table.Close() })
	return &reader{T: t, table: table, src: table.impl.src.(*procSource), port: l.Addr().(*net.TCPAddr).AddrPort().Port()}
}

// owner reads and holds that this process is the one owner.
func (r *reader) owner() Owner {
	r.Helper()
	if err := r.table.Read(Query{LocalPorts: []uint16{r.port}, States: ListenerStates, Owner: OwnerPID, FirstOwner: true}, &r.snap); err != nil {
		r.Fatal(err)
	}
	s := r.snap.Sockets
	if len(s) != 1 || len(s[0].Owners) != 1 || s[0].Owners[0].Process.PID != os.Getpid() || s[0].Missing != NotMissing {
		r.Fatalf("%+v", s)
	}
	return s[0].Owners[0]
}

// walked reports whether the last reading looked into every process.
func (r *reader) walked() bool { return r.src.searched != fdwalk.Report{} }

func TestFirstOwnerAgain(t *testing.T) {
	r := newReader(t, listenOn(t, "127.0.0.1:0"))
	first := r.owner()
	if !r.walked() {
		t.Error("the first reading did not walk")
	}
	for range 3 {
		if again := r.owner(); r.walked() || again != first {
			t.Errorf("read again: %+v, was %+v; walked: %v", again, first, r.walked())
		}
	}
}

// A socket that has the port of one that was closed is another socket, though it may have the same descriptor.
func TestFirstOwnerOfNewSocket(t *testing.T) {
	l := listenOn(t, "127.0.0.1:0")
	r := newReader(t, l)
	r.owner()
	inode := r.snap.Sockets[0].Inode
	l.Close()
	listenOn(t, l.Addr().String())
	r.owner()
	if !r.walked() || r.snap.Sockets[0].Inode == inode {
		t.Errorf("inode %d, was %d; walked: %v", r.snap.Sockets[0].Inode, inode, r.walked())
	}
	if r.owner(); r.walked() {
		t.Error("walked for what is known")
	}
}

// The id that a process had is another's now, which has no such socket: it is not told to be the owner.
func TestFirstOwnerOfReusedID(t *testing.T) {
	r := newReader(t, listenOn(t, "127.0.0.1:0"))
	want := r.owner()
	r.src.held.now[0].PID = os.Getppid()
	if got := r.owner(); !r.walked() || got != want {
		t.Errorf("%+v, want %+v; walked: %v", got, want, r.walked())
	}
}

// A name is told as it is, not as it was.
func TestFirstOwnerRenamed(t *testing.T) {
	r := newReader(t, listenOn(t, "127.0.0.1:0"))
	old := r.owner().Process
	if err := os.WriteFile("/proc/self/comm", []byte("renamed"), 0); err != nil {
		t.Skip(err)
	}
	defer os.WriteFile("/proc/self/comm", []byte(old.Name), 0)
	if p := r.owner().Process; p.Name != "renamed" || !p.Started.Equal(old.Started) || r.walked() {
		t.Errorf("%+v, walked: %v", p, r.walked())
	}
}

// What is remembered does not grow with every reading.
func TestMemory(t *testing.T) {
	var m memory
	for range 5 {
		for _, p := range append([]fdwalk.Process{}, m.turn()...) {
			m.keep(&p)
		}
		if len(m.now) == 0 {
			m.keep(&fdwalk.Process{PID: 7, FDs: []fdwalk.FD{{Inode: 1, FD: 3}}})
			m.keep(&fdwalk.Process{PID: 8, FDs: []fdwalk.FD{{Inode: 1, FD: 4}}})
			m.keep(&fdwalk.Process{PID: 7, FDs: []fdwalk.FD{{Inode: 2, FD: 5}}})
		}
		if len(m.now) != 2 || len(m.now[0].FDs) != 2 || len(m.now[1].FDs) != 1 || m.now[0].PID != 7 {
			t.Fatalf("%+v", m.now)
		}
	}
	if m.turn(); len(m.turn()) != 0 {
		t.Error("what was not kept is remembered")
	}
}
