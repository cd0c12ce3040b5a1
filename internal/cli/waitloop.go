package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/ports"
	"github.com/sockeye-net/sockeye/netstat"
)

// How often is looked where nothing tells of changes; and where the kernel does, or a bind has just been tried, which is not to
// be done all the time.
const (
	lookEvery     = 10 * time.Millisecond
	lookLater     = 25 * time.Millisecond // after some seconds
	lookLeast     = 5 * time.Millisecond
	lookSeldom    = 250 * time.Millisecond
	bindEvery     = 100 * time.Millisecond
	connectLimit  = 2 * time.Second // for one attempt, at a host that does not answer
	connectEvery  = 20 * time.Millisecond
	connectSlower = 250 * time.Millisecond // after some seconds
	someSeconds   = 3 * time.Second
)

// quickTable reads few sockets without owners, for which sock_diag is the fastest on Linux: BPF walks all processes.
func (e *Env) quickTable() (SocketTable, error) {
	method, err := e.method()
	if err != nil {
		return nil, err
	}
	if method == netstat.Auto {
		if t, err := e.Open(&netstat.Config{Few: true, Method: netstat.Proc}); err == nil {
			return t, nil
		}
	}
	return e.Open(&netstat.Config{Few: true, Method: method})
}

// local waits for ports of this machine.
func (w *waiting) local(ctx context.Context, targets []*target) error {
	table, err := w.env.quickTable()
	if err != nil {
		return err
	}
	defer table.Close()
	hints := w.env.Do.Hints(w.flags.free)
	defer hints.Close()
	var snap netstat.Snapshot
	for {
		q := w.query(targets)
		if err := table.Read(q, &snap); err != nil {
			return err
		}
		pause := w.look(targets, snap.Sockets, hints.Events())
		if pause == 0 {
			return nil
		}
		looked := time.Now()
		if err := hints.Wait(ctx, q.LocalPorts, pause); err != nil {
			return err
		}
		time.Sleep(lookLeast - time.Since(looked)) // where connections of a busy port come and go all the time
	}
}

// query asks for no more than is needed: the kernel finds listeners at once, and goes through its whole table for connections,
// which takes milliseconds however few there are. What else can hold a port up is found by binding it.
func (w *waiting) query(targets []*target) (q netstat.Query) {
	q.States = netstat.StatesOf(netstat.Listen)
	if w.flags.strict {
		q.States = 0
	}
	for _, t := range targets {
		if t.done {
			continue
		}
		q.Protos |= t.protos()
		q.LocalPorts = append(q.LocalPorts, t.port)
		if t.proto == netstat.UDP && q.States != 0 {
			q.States |= netstat.StatesOf(netstat.Unconnected, netstat.Established)
		}
	}
	slices.Sort(q.LocalPorts)
	q.LocalPorts = slices.Compact(q.LocalPorts)
	return q
}

// look decides for each port, and says how long nothing need be looked at; 0 when all are done.
func (w *waiting) look(targets []*target, sockets []netstat.Socket, events bool) (pause time.Duration) {
	for _, t := range targets {
		if t.done {
			continue
		}
		if after := w.lookAt(t, sockets, events); t.done {
			continue
		} else if pause == 0 || after < pause {
			pause = after
		}
	}
	return pause
}

// long reports whether this has gone on for some seconds: then a little later does not matter.
func (w *waiting) long() bool { return w.env.Now().Sub(w.began) > someSeconds }

func (w *waiting) soon() time.Duration {
	if w.long() {
		return lookLater
	}
	return lookEvery
}

var errNobodyListens = errors.New("nobody listens")

func (w *waiting) lookAt(t *target, sockets []netstat.Socket, events bool) time.Duration {
	var holder *netstat.Socket
	rest := 0
	for i := range sockets {
		s := &sockets[i]
		if s.Proto != t.proto || s.Local.Port() != t.port {
			continue
		}
		if w.flags.open && s.State != netstat.Listen && s.Proto == netstat.TCP {
			continue // bound, or a connection
		}
		if owns(s) || s.Proto == netstat.UDP {
			holder = s
		} else {
			rest++
		}
	}
	if w.flags.open {
		return w.lookOpen(t, holder)
	}
	return w.lookFree(t, holder, rest, events)
}

func (w *waiting) lookOpen(t *target, holder *netstat.Socket) time.Duration {
	if t.last = errNobodyListens; holder != nil {
		w.came(t)
	}
	return w.soon()
}

// lookFree tries to bind what nobody has by the table: not all connections let go of their port, and not every system lists what
// is merely bound. Who may not bind such a port at all believes the table.
func (w *waiting) lookFree(t *target, holder *netstat.Socket, rest int, events bool) time.Duration {
	pause := w.soon()
	if events {
		pause = lookSeldom
	} else if w.flags.strict {
		pause = bindEvery
	}
	if holder != nil {
		t.last = fmt.Errorf("%s has it", holder.Local)
		return pause
	}
	if w.flags.strict && rest > 0 {
		t.last = fmt.Errorf("%s there", count(rest, "connection"))
		return bindEvery
	}
	err := w.env.Do.BindPort(w.ways(t), t.port)
	switch ports.TroubleOf(err) {
	case 0, ports.NotPermitted:
		w.came(t)
	default:
		t.last, t.unsure = err, ports.TroubleOf(err) != ports.InUse
	}
	return bindEvery
}

func (w *waiting) ways(t *target) []ports.Bind {
	ways := ports.Everywhere(t.proto, 0)
	for i := range ways {
		ways[i].Reuse = !w.flags.strict
	}
	return ways
}

// remote waits for a port of another machine, or for what can be reached at a certain address of this one.
func (w *waiting) remote(ctx context.Context, t *target) error {
	for {
		w.connect(ctx, t)
		if t.done {
			return nil
		}
		pause := connectEvery
		if w.long() {
			pause = connectSlower
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// connect asks once, at all addresses. What was found out last stays, where the time was over in the middle of an attempt.
func (w *waiting) connect(ctx context.Context, t *target) {
	addrs, err := w.resolve(ctx, t.host)
	if err != nil {
		if ctx.Err() == nil {
			t.last, t.unsure = err, true
		}
		return
	}
	refusals := 0
	for _, a := range addrs {
		err := w.dial(ctx, netip.AddrPortFrom(a, t.port))
		switch {
		case err == nil && w.flags.open:
			w.came(t)
			return
		case err == nil:
			t.last, t.unsure = fmt.Errorf("%s accepts", a), false
			return
		case ctx.Err() != nil:
			return
		case saysRefused(err):
			refusals++
		}
		// That a host does not answer says that its port is not open, and nothing of whether it is free.
		t.last, t.unsure = err, !saysRefused(err) && w.flags.free
	}
	if w.flags.free && refusals == len(addrs) {
		w.came(t)
	}
}

func (w *waiting) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	addrs, err := w.env.Resolve(ctx, host)
	if err == nil && len(addrs) == 0 {
		err = fmt.Errorf("%s has no address", host)
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	return addrs, err
}

func (w *waiting) dial(ctx context.Context, to netip.AddrPort) error {
	limited, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	err := w.env.Do.Dial(limited, to)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("%s does not answer", to)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func saysRefused(err error) bool { return errors.Is(err, refused) }
