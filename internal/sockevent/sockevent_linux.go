package sockevent

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
)

// Events is the attached programs and what they wrote. Not for concurrent use.
type Events struct {
	fds       []bpf.FD // programs and what attaches them, the youngest last
	missed    bpf.Missed
	ring      *bpf.Ring
	datagrams *bpf.Hash // nil without Config.Datagrams
	counter   bpf.FD    // the array behind lost
	lost      []byte    // its mapping: records lost since Open
	told      uint64    // how many of them were reported
	record    Record
	datagram  Datagram
}

// Open loads and attaches the programs. They stay until Close. The error wraps fs.ErrPermission (EPERM) where this
// process may not use BPF, errors.ErrUnsupported where the kernel lacks something (then Datagrams alone may be what it
// lacks: ask again without), and a *bpf.VerifierError where it refuses a program.
func Open(cfg Config) (*Events, error) {
	if err := bpf.NativePIDs(); err != nil {
		return nil, fmt.Errorf("sockevent: %w", err)
	}
	var l *layout
	if err := bpf.WithKernelTypes(func(b []byte) (err error) { l, err = resolveLayout(b); return err }); err != nil {
		return nil, err
	}
	return openWith(cfg, l)
}

func openWith(cfg Config, l *layout) (*Events, error) {
	if cfg.Ring == 0 {
		cfg.Ring = DefaultRing
	}
	if cfg.most == 0 {
		cfg.most = maxDatagrams
	}
	e := &Events{counter: -1}
	if err := e.open(&cfg, l); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Events) open(cfg *Config, l *layout) (err error) {
	if e.ring, err = bpf.NewRing(cfg.Ring); err != nil {
		return err
	}
	if e.counter, err = bpf.NewArray(8, 1); err != nil {
		return err
	}
	if e.lost, err = e.counter.Map(8, 1, false); err != nil {
		return err
	}
	m := maps{ring: int(e.ring.FD), lost: int(e.counter)}
	if cfg.Datagrams {
		if e.datagrams, err = bpf.NewHash(datSize, cfg.most); err != nil {
			return err
		}
		m.datagrams = int(e.datagrams.FD)
	}
	return e.attach(l, cfg, m)
}

// attach loads all programs before it attaches the first, so that what they tell begins at one time.
func (e *Events) attach(l *layout, cfg *Config, m maps) error {
	var programs []bpf.FD
	for point := range tracepoints {
		if (point == pointSend || point == pointReceive) && !cfg.Datagrams {
			continue
		}
		fd, err := e.load(l, cfg, m, point)
		if err != nil {
			return err
		}
		programs = append(programs, fd)
		e.missed.Of(fd)
	}
	for _, p := range programs {
		if _, err := e.keep(bpf.AttachTracepoint(p)); err != nil {
			return err
		}
	}
	return nil
}

func (e *Events) load(l *layout, cfg *Config, m maps, point int) (bpf.FD, error) {
	if l.point[point] == 0 {
		return -1, fmt.Errorf("sockevent: this kernel has no tracepoint %s: %w", tracepoints[point], errors.ErrUnsupported)
	}
	p, err := assemble(l, cfg, m, point)
	if err != nil {
		return -1, err
	}
	return e.keep(bpf.LoadTracepoint(p, l.point[point]))
}

// keep remembers a descriptor so that Close releases it.
func (e *Events) keep(fd bpf.FD, err error) (bpf.FD, error) {
	if err == nil {
		e.fds = append(e.fds, fd)
	}
	return fd, err
}

// Drain hands over every record that waits, in the order in which they were begun, and never blocks. The *Record is one
// and the same for all calls of take. lost is how many events since the last Drain are not among them or not counted by
// Datagrams: there was no room in the ring or among the sockets that are counted, or one came while a processor was at
// work on another.
func (e *Events) Drain(take func(*Record)) (lost uint64, err error) {
	var bad error
	err = e.ring.Read(func(b []byte) {
		if err := e.record.decode(b); err != nil {
			bad = err
			return
		}
		take(&e.record)
	})
	now, missed := e.losses()
	lost, e.told = now-e.told, now
	return lost, errors.Join(err, bad, missed)
}

// losses counts since Open. A program is not called again on a processor where it is at work, and a packet that arrives
// in the middle of a system call can ask for that.
func (e *Events) losses() (uint64, error) {
	n := atomic.LoadUint64((*uint64)(unsafe.Pointer(&e.lost[0])))
	missed, err := e.missed.Count()
	if err != nil {
		return e.told, err
	}
	return n + missed, nil
}

// Datagrams hands over every socket that is counted now, in no order. The *Datagram is one and the same for all calls of
// take, which must not call Forget. An entry stays until Forget. Without Config.Datagrams there is none.
func (e *Events) Datagrams(take func(*Datagram)) error {
	if e.datagrams == nil {
		return nil
	}
	var bad error
	err := e.datagrams.Each(func(b []byte) {
		if err := e.datagram.decode(b); err != nil {
			bad = err
			return
		}
		take(&e.datagram)
	})
	return errors.Join(err, bad)
}

// Forget deletes an entry of Datagrams; it is no error if there is none. What is sent or received after the last reading
// of the entry is lost with it, and a socket that is used again comes anew.
func (e *Events) Forget(cookie uint64) error {
	if e.datagrams == nil {
		return nil
	}
	return e.datagrams.Delete(cookie)
}

// Close detaches the programs and releases all memory. The Events must not be used after it.
func (e *Events) Close() error {
	var errs []error
	for i := len(e.fds) - 1; i >= 0; i-- {
		errs = append(errs, e.fds[i].Close())
	}
	if e.ring != nil {
		errs = append(errs, e.ring.Close())
	}
	if e.datagrams != nil {
		errs = append(errs, e.datagrams.Close())
	}
	if e.lost != nil {
		errs = append(errs, unix.Munmap(e.lost))
	}
	if e.counter >= 0 {
		errs = append(errs, e.counter.Close())
	}
	*e = Events{counter: -1}
	return errors.Join(errs...)
}
