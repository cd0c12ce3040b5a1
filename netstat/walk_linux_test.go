package netstat

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/sockiter"
)

// TestWalkOutgrowsItsRoom gives the walker room for few records, and has what it brings looked at by another goroutine,
// while it takes more memory and gives the old back.
func TestWalkOutgrowsItsRoom(t *testing.T) {
	table, err := Open(&Config{Method: Walker, Few: true})
	if err != nil {
		t.Skipf("no walker here: %v", err)
	}
	defer table.Close()
	const n = 3 * roomForFew
	want := openUDP(t, n)
	for range 20 {
		s := new(Snapshot)
		if err := table.Read(Query{Protos: QueryUDP, Owner: OwnerPID}, s); err != nil {
			t.Fatal(err)
		}
		found := 0
		for i := range s.Sockets {
			if want[s.Sockets[i].Inode] && len(s.Sockets[i].Owners) == 1 {
				found++
			}
		}
		if found != n {
			t.Fatalf("%d of %d sockets have their owner", found, n)
		}
		shrink(t, table)
	}
}

// shrink replaces the walker by one that has room for few records again.
func shrink(t *testing.T, table *Table) {
	t.Helper()
	b := table.impl.src.(*bpfSource)
	w, err := sockiter.NewWalker(roomForFew)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.it.Close(); err != nil {
		t.Error(err)
	}
	b.it = w
}

func openUDP(t *testing.T, n int) map[uint64]bool {
	t.Helper()
	inodes := make(map[uint64]bool, n)
	for range n {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Skipf("%d descriptors are not to be had: %v", n, err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		inodes[st.Ino] = true
	}
	return inodes
}

// breaking is an iterator that brings what another does, and then fails.
type breaking struct{ iterator }

var errBroken = errors.New("broken on purpose")

func (b breaking) Run(w *sockiter.Want, s sockiter.Sink) error {
	if err := b.iterator.Run(w, s); err != nil {
		return err
	}
	return errBroken
}

// TestWalkBreaks: what a walk brought before it failed does not show twice, and no owner is claimed to be missing for good.
func TestWalkBreaks(t *testing.T) {
	table, err := Open(&Config{Method: TaskFile})
	if err != nil {
		t.Skipf("no BPF here: %v", err)
	}
	defer table.Close()
	want := openUDP(t, 3)
	b := table.impl.src.(*bpfSource)
	b.it = breaking{b.it}
	for _, q := range []Query{{Owner: OwnerPID}, {Owner: OwnerPID, AllNetNS: true}, {Protos: QueryUDP, Owner: OwnerPID}} {
		s := new(Snapshot)
		if err := table.Read(q, s); err != nil {
			t.Fatal(err)
		}
		seen := map[uint64]int{}
		for _, k := range s.Sockets {
			seen[k.Inode]++
			if want[k.Inode] && (len(k.Owners) > 0 || k.Missing != MissingUnknown) {
				t.Errorf("%+v", k)
			}
		}
		for inode := range want {
			if seen[inode] != 1 {
				t.Errorf("%+v: socket %d shows %d times", q, inode, seen[inode])
			}
		}
		if len(s.Partial) == 0 || !errors.Is(errors.Join(s.Partial...), errBroken) {
			t.Errorf("partial: %v", s.Partial)
		}
	}
}

// TestListenersProveNothing: the census counts listeners, and one that begins to listen during the walk must not stand in
// for a connection that was not found.
func TestListenersProveNothing(t *testing.T) {
	p := &pass{t: &table{netns: 1}}
	p.tally(&rawsock.Record{Proto: rawsock.ProtoTCP, Family: rawsock.AFInet, State: rawsock.Listen, NetNS: 1})
	p.tally(&rawsock.Record{Proto: rawsock.ProtoTCP, Family: rawsock.AFInet, State: rawsock.Established, NetNS: 1})
	if p.found != (inUse{1, 0}) {
		t.Errorf("%v", p.found)
	}
}
