package watch

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// script is a feed whose words the test puts into Watcher.pending itself.
type script struct {
	whole     bool // it tells of every opening and closing
	entries   []datagrams
	forgotten []uint64
}

func (s *script) counts() bool                                            { return s.whole }
func (s *script) complete() bool                                          { return s.whole }
func (s *script) drain(func(*notice)) (lost uint64, over bool, err error) { return 0, false, nil }
func (s *script) forget(cookie uint64)                                    { s.forgotten = append(s.forgotten, cookie) }
func (s *script) close() error                                            { return nil }
func (s *script) source() Source {
	if s.whole {
		return FromBPF
	}
	return FromNotice
}

func (s *script) count(take func(*datagrams)) error {
	for i := range s.entries {
		take(&s.entries[i])
	}
	return nil
}

// play is a watcher without a system: the test says what readings bring and what the kernel tells.
type play struct {
	*Watcher
	t     *testing.T
	again bool // the queue overflows in the next reading
}

var start = time.Unix(1000, 0)

func newPlay(t *testing.T, f *script, there ...netstat.Socket) *play {
	w := &Watcher{cfg: Config{States: true, Interval: time.Second}, now: snapshot(there...), before: new(netstat.Snapshot), others: make(others), netns: 1}
	if f != nil {
		w.feed = f
	}
	w.book.open()
	w.usage.open()
	w.now.Time = start
	w.match.match(nil, w.now.Sockets)
	w.reconcile(true)
	return &play{Watcher: w, t: t}
}

// read makes a reading a second later than the one before.
func (p *play) read(sockets ...netstat.Socket) *play {
	p.report.reset()
	at := p.now.Time.Add(time.Second)
	*p.before = netstat.Snapshot{Time: at, Sockets: sockets}
	q, mending := netstat.Query{Held: p.complete() && !p.mend}, p.mend
	p.mend = p.again
	p.compare(&q, mending)
	return p
}

// hear makes the kernel tell something between two readings.
func (p *play) hear(notices ...notice) *play {
	p.report.reset()
	p.pending = append(p.pending, notices...)
	p.applyPending()
	return p
}

// late has the kernel tell something that is drained with the next reading.
func (p *play) late(notices ...notice) *play {
	p.pending = append(p.pending, notices...)
	return p
}

// tells compares the events of the last step.
func (p *play) tells(want ...string) *play {
	p.t.Helper()
	var got []string
	for i := range p.report.Events {
		got = append(got, long(&p.report.Events[i]))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		p.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	return p
}

// empty checks that nothing is remembered of what is gone.
func (p *play) empty() {
	p.t.Helper()
	if n := p.book.awaited; len(p.book.index) != n || len(p.book.free) != len(p.book.slab)-n {
		p.t.Errorf("left over: %d in the index, %d of %d free, %d awaited", len(p.book.index), len(p.book.free), len(p.book.slab), n)
	}
	for _, a := range p.usage.processes {
		if a.open != 0 {
			p.t.Errorf("%v has %d sockets open", a.process, a.open)
		}
	}
}

func long(e *Event) string {
	s := fmt.Sprint(short(e), " ", e.Source)
	if len(e.Socket.Owners) > 0 {
		s += fmt.Sprint(" ", e.Socket.Owners[0].Process.Name, "/", e.OwnerFrom)
	}
	if e.Kind == Closed {
		s += fmt.Sprint(" ", e.Bytes.Sent, "+", e.Bytes.Received)
		if d, ok := e.Lifetime(); ok {
			s += fmt.Sprint(" ", d)
		}
		if e.Inferred {
			s += " inferred"
		}
	}
	return s
}

var (
	client = &netstat.Process{PID: 1, Name: "client", Started: time.Unix(1, 0)}
	server = &netstat.Process{PID: 2, Name: "server", Started: time.Unix(2, 0)}
	worker = &netstat.Process{PID: 3, Name: "worker", Started: time.Unix(3, 0)}
)

// becomes is a change of state, so many milliseconds after the start.
func becomes(ms int, s netstat.Socket, old netstat.State, actor *netstat.Process) notice {
	return notice{kind: changed, time: start.Add(time.Duration(ms) * time.Millisecond), socket: s, old: old, actor: actor}
}

func ends(ms int, s netstat.Socket, sent, received uint64, actor *netstat.Process) notice {
	s.State = netstat.Closed
	n := notice{kind: destroyed, time: start.Add(time.Duration(ms) * time.Millisecond), socket: s, actor: actor}
	if s.Proto == netstat.TCP {
		n.bytes = Bytes{sent, received, infoBasis}
	}
	return n
}

const (
	synSent = netstat.SynSent
	closed  = netstat.Closed
)

func TestConnectionBetweenReadings(t *testing.T) {
	// The port is not chosen when the process connects, and the process is not there when the answer comes.
	p := newPlay(t, &script{whole: true})
	p.hear(becomes(10, tcp(1, 0, 80, synSent), closed, client)).tells()
	p.hear(becomes(15, tcp(1, 10, 80, established), synSent, nil)).tells("opened 10 bpf client/acted")
	p.hear(
		becomes(20, tcp(1, 10, 80, netstat.FinWait1), established, client),
		ends(30, tcp(1, 10, 80, closed), 100, 200, nil),
	).tells("state 10 ESTABLISHED>FIN_WAIT1 bpf client/acted", "closed 10 bpf client/acted 100+200 20ms")
	p.read().tells().empty()
}

func TestClosedWhileItIsRead(t *testing.T) {
	p := newPlay(t, &script{whole: true})
	p.hear(becomes(10, tcp(1, 10, 80, established), netstat.SynRecv, nil), ends(20, tcp(1, 10, 80, closed), 1, 2, server)).
		tells("opened 10 bpf", "closed 10 bpf server/acted 1+2 10ms")
	p.read(owned(tcp(1, 10, 80, established), server)).tells()
	p.read().tells().empty()
}

func TestConnectionThatFails(t *testing.T) {
	p := newPlay(t, &script{whole: true})
	p.hear(
		becomes(10, tcp(1, 0, 80, synSent), closed, client),
		becomes(11, tcp(1, 10, 80, closed), synSent, client),
		ends(12, tcp(1, 10, 80, closed), 0, 0, nil),
	).tells("opened 10 bpf client/acted", "closed 10 bpf client/acted 0+0 2ms")
	if s := p.report.Events[1].Socket.State; s != synSent {
		t.Errorf("closed in state %v: it never was more than SYN_SENT", s)
	}
	p.read().tells().empty()
}

func TestUnansweredConnection(t *testing.T) {
	// It is told by the next reading, which knows its port.
	p := newPlay(t, &script{whole: true})
	p.hear(becomes(10, tcp(1, 0, 80, synSent), closed, client)).tells()
	p.read(owned(tcp(1, 10, 80, synSent), client)).tells("opened 10 poll client/holds")
}

func TestAcceptedConnection(t *testing.T) {
	p := newPlay(t, &script{whole: true}, owned(tcp(9, 80, 0, listen), server))
	p.hear(becomes(10, tcp(1, 80, 10, established), netstat.SynRecv, nil)).tells("opened 80 bpf server/listener")
	p.read(owned(tcp(9, 80, 0, listen), server), owned(tcp(1, 80, 10, established), worker)).tells()
	p.hear(ends(1500, tcp(1, 80, 10, closed), 5, 6, nil)).tells("closed 80 bpf worker/holds 5+6 1.49s")
	// The row may still be in the next reading, if that began earlier.
	p.read(owned(tcp(9, 80, 0, listen), server), owned(tcp(1, 80, 10, established), worker)).tells()
	p.read(owned(tcp(9, 80, 0, listen), server)).tells()
	p.read().tells()
	p.hear(becomes(2000, tcp(9, 80, 0, closed), listen, server)).tells("listener_vanished 80 bpf server/acted")
	p.read().tells().empty()
}

// The last to let go of a socket may be one that only looked at it, which no reading saw holding it.
func TestTheOneThatLooksOwnsNothing(t *testing.T) {
	const looks = 4
	looker := &netstat.Process{PID: looks, Name: "looker", Started: time.Unix(4, 0)}
	for _, self := range []int{0, looks} {
		p := newPlay(t, &script{whole: true}, owned(tcp(9, 80, 0, listen), server), owned(tcp(5, 15, 80, established), client))
		p.self = self
		p.hear(becomes(10, tcp(1, 10, 80, synSent), closed, client)).tells("opened 10 bpf client/acted")
		p.hear(becomes(20, tcp(1, 10, 80, netstat.FinWait1), established, looker)).tells("state 10 ESTABLISHED>FIN_WAIT1 bpf client/acted")
		p.hear(ends(30, tcp(1, 10, 80, closed), 1, 2, looker)).tells("closed 10 bpf client/acted 1+2 20ms")
		p.hear(ends(40, tcp(5, 15, 80, closed), 1, 2, looker)).tells("closed 15 bpf client/holds 1+2")
		// Of what came to a listener the one who ends it may be the holder, unless it is this process.
		p.hear(becomes(50, tcp(2, 80, 11, established), netstat.SynRecv, nil)).tells("opened 80 bpf server/listener")
		want := "closed 80 bpf looker/acted 1+2 10ms"
		if self == looks {
			want = "closed 80 bpf server/listener 1+2 10ms"
		}
		p.hear(ends(60, tcp(2, 80, 11, closed), 1, 2, looker)).tells(want)
		want = "closed 12 bpf looker/acted 1+2 inferred"
		if self == looks {
			want = "closed 12 bpf 1+2 inferred"
		}
		p.hear(ends(70, tcp(3, 12, 443, closed), 1, 2, looker)).tells(want)
	}
}

func TestTheOneThatClosesOwns(t *testing.T) {
	p := newPlay(t, &script{whole: true}, owned(tcp(9, 80, 0, listen), server))
	p.hear(
		becomes(10, tcp(1, 80, 10, established), netstat.SynRecv, nil),
		becomes(12, tcp(1, 80, 10, netstat.CloseWait), established, nil),
		becomes(15, tcp(1, 80, 10, netstat.LastAck), netstat.CloseWait, worker),
		ends(16, tcp(1, 80, 10, closed), 1, 2, nil),
	)
	if got := long(&p.report.Events[3]); got != "closed 80 bpf worker/acted 1+2 6ms" {
		t.Error(got)
	}
}

func TestOrphanWaitsForItsEnd(t *testing.T) {
	// Nobody holds it any more, so the reading does not bring it; the kernel tells when it is gone.
	p := newPlay(t, &script{whole: true}, counted(owned(tcp(1, 10, 80, established), client), 10, 10))
	p.read().tells().read().tells()
	p.hear(ends(5000, tcp(1, 10, 80, closed), 30, 40, nil)).tells("closed 10 bpf client/holds 30+40")
	p.read().tells().empty()
}

func TestOverflowIsMended(t *testing.T) {
	p := newPlay(t, &script{whole: true}, owned(tcp(1, 10, 80, established), client), owned(tcp(2, 11, 80, established), client))
	p.mend = true
	p.read(owned(tcp(2, 11, 80, established), client), owned(tcp(3, 12, 80, established), client)).
		tells("opened 12 poll client/holds", "closed 10 poll client/holds 0+0", "repaired 0 poll")
}

func TestNoticesComeLate(t *testing.T) {
	one := counted(owned(tcp(1, 10, 80, established), client), 10, 10)
	p := newPlay(t, &script{}, one)
	p.read().tells() // its notice is on the way
	p.hear(ends(1001, tcp(1, 10, 80, closed), 30, 40, nil)).tells("closed 10 notice client/holds 30+40")
	p.read().tells().empty()

	p = newPlay(t, &script{}, one) // its notice was lost
	for range 6 {
		p.read().tells()
	}
	p.read().tells("closed 10 poll client/holds 10+10")
	p.hear(ends(9000, tcp(1, 10, 80, closed), 30, 40, nil)).tells() // no, only late: it is told already, but its last bytes count
	if u := p.Usage(ByProcess, nil); u[0].Total != (Bytes{20, 30, infoBasis}) {
		t.Errorf("%+v", u)
	}
	p.read().tells().empty()

	p = newPlay(t, &script{}) // opened and closed since the last reading, but the reading saw it
	p.late(ends(900, tcp(1, 10, 80, closed), 3, 4, nil)).read(one).tells("opened 10 poll client/holds", "closed 10 notice client/holds 3+4 0s")
	p.read().tells().empty()

	p = newPlay(t, &script{}, owned(tcp(9, 80, 0, listen), server)) // it did not
	p.hear(ends(900, tcp(1, 80, 10, closed), 3, 4, nil)).tells("closed 80 notice server/listener 3+4 inferred")
	if p.report.Counts.Inferred != 1 || p.report.Counts.Closed != 1 || p.report.Counts.Opened != 0 {
		t.Errorf("%+v", p.report.Counts)
	}
	// A socket that never had a peer was no connection.
	p.hear(ends(900, tcp(7, 81, 0, closed), 0, 0, nil)).tells()
}

// TestRowIsOlder: what the kernel tells while the table is read is newer than the row.
func TestRowIsOlder(t *testing.T) {
	row := counted(owned(tcp(1, 10, 80, established), client), 100, 0)
	p := newPlay(t, &script{whole: true}, row)
	p.late(becomes(1001, tcp(1, 10, 80, netstat.FinWait1), established, client)).read(row).tells("state 10 ESTABLISHED>FIN_WAIT1 bpf client/holds")
	p.hear(becomes(1500, tcp(1, 10, 80, netstat.FinWait2), netstat.FinWait1, nil)).tells("state 10 FIN_WAIT1>FIN_WAIT2 bpf client/holds")

	p = newPlay(t, &script{whole: true}, row)
	p.late(
		becomes(1001, tcp(1, 10, 80, closed), established, client),
		becomes(1002, tcp(1, 0, 81, synSent), closed, client),
		becomes(1003, tcp(1, 11, 81, established), synSent, nil),
	).read(row).tells("closed 10 bpf client/acted 100+0", "opened 11 bpf client/acted")
	p.read(counted(owned(tcp(1, 11, 81, established), client), 8, 9)).tells()
	if u := p.Usage(ByProcess, nil); u[0].Total != (Bytes{7, 9, infoBasis}) {
		t.Errorf("%+v", u)
	}
}

// TestSameServerAgain: a socket is disconnected and connected to the same address: two connections.
func TestSameServerAgain(t *testing.T) {
	p := newPlay(t, &script{whole: true})
	end := becomes(20, tcp(1, 10, 80, closed), established, client)
	end.bytes = Bytes{100, 200, infoBasis}
	p.hear(
		becomes(10, tcp(1, 0, 80, synSent), closed, client), becomes(11, tcp(1, 10, 80, established), synSent, nil), end,
		becomes(30, tcp(1, 0, 80, synSent), closed, client), becomes(31, tcp(1, 11, 80, established), synSent, nil), ends(40, tcp(1, 11, 80, closed), 3, 4, client),
	).tells("opened 10 bpf client/acted", "closed 10 bpf client/acted 100+200 20ms", "opened 11 bpf client/acted", "closed 11 bpf client/acted 3+4 10ms")
	if u := p.Usage(ByProcess, nil); u[0].Total != (Bytes{103, 204, infoBasis}) || u[0].Opened != 2 || u[0].Closed != 2 {
		t.Errorf("%+v", u)
	}
	p.read().tells().empty()

	// While it connects anew a reading sees it, which then tells of it.
	p = newPlay(t, &script{whole: true}, counted(owned(tcp(1, 10, 80, established), client), 1, 1))
	p.hear(becomes(10, tcp(1, 10, 80, closed), established, client), becomes(11, tcp(1, 0, 80, synSent), closed, client))
	p.read(owned(tcp(1, 12, 80, synSent), client)).tells("opened 12 poll client/holds")
	p.hear(becomes(1500, tcp(1, 12, 80, established), synSent, nil)).tells("state 12 SYN_SENT>ESTABLISHED bpf client/holds")
}

// TestDisconnected: the row of a socket that was disconnected has its counters at 0.
func TestDisconnected(t *testing.T) {
	p := newPlay(t, &script{whole: true}, counted(owned(tcp(1, 10, 80, established), client), 10, 10))
	end := becomes(20, tcp(1, 10, 80, closed), established, client)
	end.bytes = Bytes{100, 200, infoBasis}
	p.hear(end).tells()
	p.read(counted(owned(tcp(1, 10, 0, netstat.Bound), client), 0, 0)).tells("closed 10 poll client/acted 100+200")
	p.hear(ends(2000, tcp(1, 10, 0, closed), 0, 0, client)).tells()
	p.read().tells().empty()
}

// TestReset: a connection was reset, and its process keeps the descriptor: it is closed, once.
func TestReset(t *testing.T) {
	for _, f := range []*script{{whole: true}, {}} {
		p := newPlay(t, f, counted(owned(tcp(1, 10, 80, established), client), 10, 10))
		p.mend = true // so that everything is read
		p.read().tells("closed 10 poll client/holds 10+10", "repaired 0 poll")
		p.read().read().tells()
		p.hear(ends(9000, tcp(1, 10, 80, closed), 10, 11, client)).tells()
		p.read().tells().empty()
		if p.book.awaited != 0 {
			t.Error("it is awaited for ever")
		}
	}
}

// TestInUseAgain: readings alone see a socket rest and come back.
func TestInUseAgain(t *testing.T) {
	p := newPlay(t, nil, counted(owned(tcp(1, 10, 80, established), client), 10, 10))
	p.read(owned(tcp(1, 10, 0, netstat.Bound), client)).tells("closed 10 poll client/holds 10+10")
	p.read(counted(owned(tcp(1, 10, 81, established), client), 3, 4)).tells("opened 10 poll client/holds")
	if u := p.Usage(ByProcess, nil); u[0].Total != (Bytes{3, 4, infoBasis}) {
		t.Errorf("%+v", u)
	}
	p.read().tells("closed 10 poll client/holds 3+4 1s").empty()
}

// TestOverflowWhileMending: what is lost while everything is read is not in that reading, so there is another.
func TestOverflowWhileMending(t *testing.T) {
	c := owned(tcp(1, 10, 80, established), client)
	p := newPlay(t, &script{whole: true}, c)
	p.mend, p.again = true, true
	p.read(c).tells()
	p.again = false
	p.read().tells("closed 10 poll client/holds 0+0", "repaired 0 poll")
}

// TestConnectsToItself: both ends connect at once, or a socket to itself, and it is half open on the way.
func TestConnectsToItself(t *testing.T) {
	p := newPlay(t, &script{whole: true})
	p.hear(
		becomes(10, tcp(1, 0, 10, synSent), closed, client),
		becomes(11, tcp(1, 10, 10, established), netstat.SynRecv, client),
		ends(20, tcp(1, 10, 10, closed), 5, 5, client),
	).tells("opened 10 bpf client/acted", "closed 10 bpf client/acted 5+5 10ms")
	p.read().tells().empty()
}

// TestPorts: a query for a port hears nothing of the others, whose port is not known when they begin.
func TestPorts(t *testing.T) {
	s := &script{whole: true}
	p := newPlay(t, s)
	p.cfg.Query.LocalPorts = []uint16{10}
	for i, port := range []uint16{10, 11} {
		n := uint64(i + 1)
		p.late(
			becomes(10, tcp(n, 0, 80, synSent), closed, client), becomes(11, tcp(n, port, 80, established), synSent, nil),
			ends(20, tcp(n, port, 80, closed), 1, 1, client))
	}
	p.hear().tells("opened 10 bpf client/acted", "closed 10 bpf client/acted 1+1 10ms")
	p.hear(becomes(30, tcp(5, 0, 80, synSent), closed, client), becomes(31, tcp(5, 11, 80, closed), synSent, client), ends(32, tcp(5, 11, 80, closed), 0, 0, client)).tells()
	s.entries = []datagrams{{socket: udp(9, 53), actor: client, bytes: Bytes{1, 1, FromSocketBPF}}}
	p.read().tells().empty()
	if len(s.forgotten) != 1 {
		t.Error("the counts of ports that nobody asks for fill the kernel's map:", s.forgotten)
	}
}

// TestFallingCounter: a count that was given back begins at 0.
func TestFallingCounter(t *testing.T) {
	s := &script{whole: true}
	p := newPlay(t, s, owned(udp(1, 53), client))
	for _, sent := range []uint64{7000, 6000} {
		s.entries = []datagrams{{socket: udp(1, 53), actor: client, bytes: Bytes{sent, 0, FromSocketBPF}}}
		p.read(owned(udp(1, 53), client))
	}
	if u := p.Usage(ByProcess, nil); len(u) != 1 || u[0].Total.Sent != 13_000 {
		t.Errorf("%+v", u)
	}
}

// TestNewName: an account has the name that its process has now.
func TestNewName(t *testing.T) {
	p := newPlay(t, nil, owned(tcp(1, 10, 80, established), client))
	renamed := *client
	renamed.Name = "after exec"
	p.read(owned(tcp(1, 10, 80, established), &renamed))
	if u := p.Usage(ByProcess, nil); len(u) != 1 || u[0].Process.Name != "after exec" {
		t.Errorf("%+v", u)
	}
}

// TestSeenTwice: a connection is closed while the table is read, so the reading has it twice; and one is gone before it could
// be asked for its cookie.
func TestSeenTwice(t *testing.T) {
	held := with(counted(owned(tcp(0, 10, 80, established), client), 10, 10), func(s *netstat.Socket) { s.Inode = 5 })
	p := newPlay(t, &script{})
	p.read(held, counted(tcp(1, 10, 80, netstat.FinWait2), 10, 10)).tells("opened 10 poll client/holds")
	p.hear(ends(1001, tcp(1, 10, 80, closed), 30, 40, nil)).tells("closed 10 notice client/holds 30+40 1ms")
	p.read().read().tells().empty()

	p = newPlay(t, &script{}) // and the next connection has the same addresses
	p.late(ends(1001, tcp(1, 10, 80, closed), 30, 40, nil), ends(1002, tcp(2, 10, 80, closed), 5, 6, nil)).read(held).
		tells("opened 10 poll client/holds", "closed 10 notice client/holds 30+40 1ms", "closed 10 notice 5+6 inferred")
	p.read().read().tells().empty()

	p = newPlay(t, &script{})
	p.late(ends(1001, tcp(1, 10, 80, closed), 30, 40, nil)).read(held).tells("opened 10 poll client/holds", "closed 10 notice client/holds 30+40 1ms")
	p.read().read().tells().empty()
}

func TestPollOnly(t *testing.T) {
	p := newPlay(t, nil)
	p.read(counted(owned(tcp(1, 10, 80, established), client), 1, 2)).tells("opened 10 poll client/holds")
	p.read(counted(owned(tcp(1, 10, 80, netstat.CloseWait), client), 3, 4)).tells("state 10 ESTABLISHED>CLOSE_WAIT poll client/holds")
	p.read().tells("closed 10 poll client/holds 3+4 2s").empty()
}

func TestSocketIsUsedAgain(t *testing.T) {
	p := newPlay(t, &script{whole: true}, counted(owned(tcp(1, 10, 80, established), client), 5, 5))
	p.hear(
		becomes(10, tcp(1, 10, 80, closed), established, client),
		becomes(20, tcp(1, 0, 81, synSent), closed, client),
		becomes(21, tcp(1, 11, 81, established), synSent, nil),
	).tells("closed 10 bpf client/acted 5+5", "opened 11 bpf client/acted")
	p.read(counted(owned(tcp(1, 11, 81, established), client), 1, 0)).tells()
	p = newPlay(t, nil, counted(owned(tcp(1, 10, 80, established), client), 5, 5))
	p.read(counted(owned(tcp(1, 11, 81, established), client), 1, 0)).tells("closed 10 poll client/holds 5+5", "opened 11 poll client/holds")
	p.read().tells("closed 11 poll client/holds 1+0 1s").empty()
}

func TestDatagrams(t *testing.T) {
	s := &script{whole: true}
	p := newPlay(t, s)
	first := notice{kind: talked, time: start.Add(time.Millisecond), socket: udp(1, 53), actor: client}
	p.hear(first).tells("opened 53 bpf client/acted")
	s.entries = []datagrams{{socket: udp(1, 53), actor: client, bytes: Bytes{100, 200, FromSocketBPF}}}
	p.read().tells("closed 53 poll client/acted 100+200 999ms").empty()
	if len(s.forgotten) != 1 || s.forgotten[0] != 1 {
		t.Error("the count is kept for ever:", s.forgotten)
	}
	s.entries = nil
	p.read(owned(udp(2, 54), client)).tells("opened 54 poll client/holds")
	s.entries = []datagrams{{socket: udp(2, 54), actor: client, bytes: Bytes{7, 8, FromSocketBPF}}}
	p.read(owned(udp(2, 54), client)).tells()
	if u := p.Usage(ByProcess, nil); len(u) != 1 || u[0].Total != (Bytes{107, 208, FromSocketBPF}) || u[0].Delta != (Bytes{7, 8, FromSocketBPF}) || u[0].Open != 1 {
		t.Errorf("%+v", u)
	}
	p.read().tells("closed 54 poll client/holds 7+8 2s").empty()
}

// TestUsage follows bytes into the accounts.
func TestUsage(t *testing.T) {
	near, far := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::ffff:127.0.0.1")
	mapped := with(counted(owned(tcp(2, 12, 80, established), worker), 1000, 0), func(s *netstat.Socket) { s.Remote = netip.AddrPortFrom(far, 80) })
	p := newPlay(t, &script{whole: true}, counted(owned(tcp(1, 10, 80, established), client), 50, 60), mapped)
	check := func(by By, who func(*Usage) bool, total, delta Bytes) {
		t.Helper()
		usage := p.Usage(by, nil)
		i := slices.IndexFunc(usage, func(u Usage) bool { return who(&u) })
		if i < 0 || usage[i].Total != total || usage[i].Delta != delta {
			t.Errorf("%v: %+v, want %v, %v", by, usage, total, delta)
		}
	}
	is := func(w *netstat.Process) func(*Usage) bool { return func(u *Usage) bool { return u.Process == w } }
	p.read(counted(owned(tcp(1, 10, 80, established), client), 55, 80), with(mapped, func(s *netstat.Socket) { s.Info.Sent = 1007 }))
	check(ByProcess, is(client), Bytes{5, 20, infoBasis}, Bytes{5, 20, infoBasis})
	check(ByProcess, is(worker), Bytes{7, 0, infoBasis}, Bytes{7, 0, infoBasis})
	check(ByRemote, func(u *Usage) bool { return u.Remote == near }, Bytes{12, 20, infoBasis}, Bytes{12, 20, infoBasis})
	if n := len(p.Usage(ByRemote, nil)); n != 1 {
		t.Error(n, "hosts: the mapped address is the same host")
	}
	// The last bytes count when it is closed, and one that was never in a reading counts whole.
	p.hear(ends(1500, tcp(1, 10, 80, closed), 60, 90, nil),
		becomes(1600, tcp(3, 13, 80, synSent), closed, client), ends(1700, tcp(3, 13, 80, closed), 1000, 2000, client))
	p.read(with(mapped, func(s *netstat.Socket) { s.Info.Sent = 1007 }))
	check(ByProcess, is(client), Bytes{1010, 2030, infoBasis}, Bytes{1005, 2010, infoBasis})
	p.hear(becomes(2100, tcp(4, 14, 80, synSent), closed, client), ends(2200, tcp(4, 14, 80, closed), 7, 7, client)) // the next reading's
	check(ByProcess, is(client), Bytes{1017, 2037, infoBasis}, Bytes{1005, 2010, infoBasis})
	p.read(with(mapped, func(s *netstat.Socket) { s.Info.Sent = 1007 }))
	check(ByProcess, is(client), Bytes{1017, 2037, infoBasis}, Bytes{7, 7, infoBasis})
	check(ByProcess, is(worker), Bytes{7, 0, infoBasis}, Bytes{})
}

// TestSharedSocketPays says who pays for a socket that several processes hold.
func TestSharedSocketPays(t *testing.T) {
	p := newPlay(t, nil, counted(owned(tcp(1, 10, 80, established), server, worker, client), 0, 0))
	p.read(counted(owned(tcp(1, 10, 80, established), server, worker, client), 9, 9))
	if u := p.Usage(ByProcess, nil); len(u) != 1 || u[0].Process != worker || u[0].Delta.Sent != 9 {
		t.Errorf("%+v: it is the worker's, which began last", u)
	}
}

// TestUncounted: a system that does not tell a socket's bytes says so.
func TestUncounted(t *testing.T) {
	p := newPlay(t, nil, owned(udp(1, 53), client), owned(tcp(9, 80, 0, listen), client))
	if u := p.Usage(ByProcess, nil); u[0].Uncounted != 1 || u[0].Open != 2 {
		t.Errorf("%+v", u)
	}
	p = newPlay(t, &script{whole: true}, owned(udp(1, 53), client))
	if u := p.Usage(ByProcess, nil); u[0].Uncounted != 0 {
		t.Errorf("%+v", u)
	}
}

func TestListenerOf(t *testing.T) {
	at := func(addr string, p ...*netstat.Process) netstat.Socket {
		return with(owned(tcp(1, 0, 0, listen), p...), func(s *netstat.Socket) { s.Local = netip.MustParseAddrPort(addr) })
	}
	for name, tc := range map[string]struct {
		listeners []netstat.Socket
		local     string
		want      *netstat.Process
	}{
		"exact":               {[]netstat.Socket{at("0.0.0.0:80", server), at("127.0.0.1:80", worker)}, "127.0.0.1:80", worker},
		"exact first":         {[]netstat.Socket{at("127.0.0.1:80", worker), at("0.0.0.0:80", server)}, "127.0.0.1:80", worker},
		"any":                 {[]netstat.Socket{at("0.0.0.0:80", server)}, "127.0.0.1:80", server},
		"any, dual":           {[]netstat.Socket{at("[::]:80", server)}, "[::ffff:127.0.0.1]:80", server},
		"other port":          {[]netstat.Socket{at("0.0.0.0:81", server)}, "127.0.0.1:80", nil},
		"other address":       {[]netstat.Socket{at("127.0.0.2:80", server)}, "127.0.0.1:80", nil},
		"two processes":       {[]netstat.Socket{at("0.0.0.0:80", server), at("0.0.0.0:80", worker)}, "127.0.0.1:80", nil},
		"two sockets":         {[]netstat.Socket{at("0.0.0.0:80", server), at("0.0.0.0:80", server)}, "127.0.0.1:80", server},
		"shared":              {[]netstat.Socket{at("0.0.0.0:80", server, worker)}, "127.0.0.1:80", nil},
		"shared, and another": {[]netstat.Socket{at("0.0.0.0:80", server, worker), at("0.0.0.0:80", client)}, "127.0.0.1:80", nil},
		"holder unknown":      {[]netstat.Socket{at("0.0.0.0:80")}, "127.0.0.1:80", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var l ledger
			for i := range tc.listeners {
				l.listens(&tc.listeners[i])
			}
			s := with(tcp(1, 0, 9, established), func(s *netstat.Socket) { s.Local = netip.MustParseAddrPort(tc.local) })
			if got := l.listenerOf(&s); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// TestAccountsAreFolded: a server that talks to a million hosts in its life does not remember them all, and loses no byte.
func TestAccountsAreFolded(t *testing.T) {
	p := newPlay(t, &script{whole: true})
	const n = 10 * maxIdle
	for i := range n {
		s := tcp(uint64(i+1), 80, 10, established)
		s.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 10)
		p.hear(becomes(i, s, netstat.SynRecv, nil), ends(i+1, s, 1, 2, server))
		if i%100 == 0 {
			p.read()
		}
	}
	p.read().empty()
	var sum Bytes
	hosts := p.Usage(ByRemote, nil)
	for _, u := range hosts {
		sum.add(u.Total)
	}
	if len(hosts) > 2*maxIdle+1 || sum.Sent != n || sum.Received != 2*n {
		t.Errorf("%d hosts, %+v", len(hosts), sum)
	}
	if len(p.book.slab) > 1000 {
		t.Error("the book grew to", len(p.book.slab))
	}
}

// TestUsageByUnit: the processes of a unit are added up, and those of none are one row.
func TestUsageByUnit(t *testing.T) {
	in := func(unit string, p *netstat.Process) *netstat.Process {
		c := *p
		c.Module = unit
		return &c
	}
	a, b, c := in("web.service", client), in("web.service", server), in("", worker)
	row := func(cookie, sent uint64, p *netstat.Process) netstat.Socket {
		return counted(owned(tcp(cookie, uint16(cookie), 80, established), p), sent, 0)
	}
	p := newPlay(t, nil, row(1, 10, a), row(2, 20, b), row(3, 30, c))
	p.read(row(1, 11, a), row(2, 22, b), row(3, 33, c))
	got := make(map[string]Usage)
	for _, u := range p.Usage(ByUnit, nil) {
		got[u.Unit] = u
	}
	if web := got["web.service"]; len(got) != 2 || web.Total != (Bytes{3, 0, infoBasis}) || web.Delta != (Bytes{3, 0, infoBasis}) || web.Open != 2 {
		t.Errorf("%+v", got)
	}
	if none := got[""]; none.Delta.Sent != 3 || none.Open != 1 {
		t.Errorf("%+v", got)
	}
}
