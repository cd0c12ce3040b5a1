package watch

import (
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// ledger adds up bytes by process and by remote host.
type ledger struct {
	processes map[processKey]*account
	remotes   map[netip.Addr]*account
	others    [2]account // of processes, of hosts: what accounts had that were folded, and whose process is not known

	reading   uint64 // the number of the next reading, which what is counted now belongs to
	elapsed   time.Duration
	listeners []listener
}

// processKey tells a process from one that has the same id later.
type processKey struct {
	pid     int
	started int64
}

// account is what one process, or the connections with one host, moved.
type account struct {
	process *netstat.Process
	remote  netip.Addr

	total          Bytes
	delta, last    Bytes  // of the reading at, and of the one before it
	at             uint64 // the last reading that something was counted for
	open           int    // sockets
	uncounted      int    // of these: the system does not tell their bytes
	opened, closed uint64
}

// listener is a listening socket with a holder.
type listener struct {
	netns uint64
	local netip.AddrPort
	owner *netstat.Process // nil where there are several
}

// maxIdle is how many accounts without an open socket are kept. Further ones are folded into one, the longest idle first.
const maxIdle = 4096

func (l *ledger) open() {
	l.processes, l.remotes = make(map[processKey]*account), make(map[netip.Addr]*account)
	l.reading = 1
}

// tick ends a reading.
func (l *ledger) tick(elapsed time.Duration) {
	l.reading++
	l.elapsed = elapsed
	fold(l.processes, &l.others[0])
	fold(l.remotes, &l.others[1])
}

// fold keeps a map of accounts small.
func fold[K comparable](m map[K]*account, others *account) {
	if len(m) <= 2*maxIdle {
		return
	}
	type idle struct {
		key K
		at  uint64
	}
	var list []idle
	for k, a := range m {
		if a.open == 0 {
			list = append(list, idle{k, a.at})
		}
	}
	if len(list) <= maxIdle {
		return
	}
	slices.SortFunc(list, func(a, b idle) int { return int(int64(a.at - b.at)) })
	for _, i := range list[:len(list)-maxIdle/2] {
		others.absorb(m[i.key])
		delete(m, i.key)
	}
}

func (a *account) absorb(b *account) {
	a.total.add(b.total)
	a.opened += b.opened
	a.closed += b.closed
}

func (b *Bytes) add(c Bytes) {
	b.Sent += c.Sent
	b.Received += c.Received
	b.Basis = max(b.Basis, c.Basis)
}

// count adds bytes that were moved since the reading before.
func (l *ledger) count(a *account, b Bytes) {
	if a == nil {
		return
	}
	if a.at != l.reading {
		a.last = Bytes{}
		if a.at == l.reading-1 {
			a.last = a.delta
		}
		a.at, a.delta = l.reading, Bytes{}
	}
	a.delta.add(b)
	a.total.add(b)
}

// deltaOf is what an account moved in the last reading.
func (l *ledger) deltaOf(a *account) Bytes {
	switch a.at {
	case l.reading - 1:
		return a.delta
	case l.reading: // more was counted since
		return a.last
	}
	return Bytes{}
}

// ofProcess is the account of a process; nil is one that is not known.
func (l *ledger) ofProcess(p *netstat.Process) *account {
	if p == nil {
		return &l.others[0]
	}
	key := processKey{p.PID, p.Started.UnixNano()}
	a := l.processes[key]
	if a == nil {
		a = new(account)
		l.processes[key] = a
	}
	a.process = p // it may have another name by now
	return a
}

// ofRemote is the account of a host.
func (l *ledger) ofRemote(ip netip.Addr) *account {
	a := l.remotes[ip]
	if a == nil {
		a = &account{remote: ip}
		l.remotes[ip] = a
	}
	return a
}

// payer is the process that a socket's bytes count for. Of several that hold it, it is the one that began last: of a
// server's processes the one that serves.
func payer(e *entry, s *netstat.Socket) *netstat.Process {
	if len(s.Owners) == 0 {
		if e.actor != nil {
			return e.actor
		}
		return e.heir
	}
	p := s.Owners[0].Process
	for _, o := range s.Owners[1:] {
		if o.Process.Started.After(p.Started) {
			p = o.Process
		}
	}
	return p
}

// charge settles whom an entry's bytes count for. What was counted stays where it is.
func (w *Watcher) charge(n int32, s *netstat.Socket) {
	e, l := &w.book.slab[n], &w.usage
	if p := payer(e, s); e.process == nil || e.process.process != p {
		l.assign(&e.process, l.ofProcess(p))
	}
	if ip := s.Remote.Addr(); e.remote == nil && s.Remote.Port() != 0 && s.State != netstat.Listen {
		l.assign(&e.remote, l.ofRemote(ip.Unmap()))
	}
}

func (l *ledger) assign(to **account, a *account) {
	if *to != nil {
		(*to).open--
	}
	if *to = a; a != nil {
		a.open++
	}
}

// opened counts a beginning.
func (l *ledger) opened(e *entry, s *netstat.Socket) {
	if s.State == netstat.Listen {
		return
	}
	for _, a := range []*account{e.process, e.remote} {
		if a != nil {
			a.opened++
		}
	}
}

// closed counts an end.
func (l *ledger) closed(e *entry) {
	if e.state == netstat.Listen {
		return
	}
	for _, a := range []*account{e.process, e.remote} {
		if a != nil {
			a.closed++
		}
	}
}

// release takes an entry off the accounts.
func (l *ledger) release(e *entry) {
	l.assign(&e.process, nil)
	l.assign(&e.remote, nil)
}

// hear remembers the listeners of a reading.
func (l *ledger) hear(sockets []netstat.Socket, ears []int32) {
	l.listeners = l.listeners[:0]
	for _, j := range ears {
		l.listens(&sockets[j])
	}
}

// listens remembers a listener of the reading.
func (l *ledger) listens(s *netstat.Socket) {
	if len(s.Owners) == 0 {
		return
	}
	n := listener{netns: s.NetNS, local: s.Local, owner: s.Owners[0].Process}
	for _, o := range s.Owners[1:] {
		if o.Process != n.owner {
			n.owner = nil
		}
	}
	l.listeners = append(l.listeners, n)
}

// listenerOf is the process of the listener that a connection came to; nil where there is none, or no one process.
func (l *ledger) listenerOf(s *netstat.Socket) (owner *netstat.Process) {
	exact, found := false, false
	for i := range l.listeners {
		n := &l.listeners[i]
		if n.netns != s.NetNS || n.local.Port() != s.Local.Port() {
			continue
		}
		switch is := n.local.Addr() == s.Local.Addr(); {
		case !is && (exact || !n.local.Addr().IsUnspecified()):
		case is && !exact, !found:
			owner, exact, found = n.owner, is, true
		case owner != n.owner:
			return nil
		}
	}
	return owner
}
