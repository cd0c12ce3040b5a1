package act

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// Process is a process that is held on to: what is done by it is done to the process that was there at [Hold], or to none. It
// is for one goroutine at a time.
type Process struct {
	PID  int
	Name string

	impl process
}

// The refusals of Hold.
var (
	errFirst    = errors.New("is the first process, without which nothing else runs; where it holds a port for a service (systemd's sockets), stop the unit")
	errSelf     = errors.New("is this program")
	errAncestor = errors.New("has started this program, which would end with it")
)

// Hold takes hold of a process as it was listed, if it may be ended by us at all. It refuses the first process, the calling
// process and its ancestors, and on Windows those that the system cannot be without. The error is an [*Error]: Gone also
// where the id belongs to another process by now. The caller closes the process.
func Hold(p *netstat.Process) (*Process, error) {
	held := &Process{PID: p.PID, Name: p.Name}
	if err := refusal(p.PID); err != nil {
		return nil, held.error("end", Refused, err)
	}
	if err := held.impl.open(p.PID); err != nil {
		return nil, held.fail("end", err)
	}
	if err := held.verify(p); err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return held, nil
}

// verify is done once the id cannot be given to another process without our noticing.
func (p *Process) verify(listed *netstat.Process) error {
	if _, err := listed.Details(); errors.Is(err, netstat.ErrProcessGone) {
		return p.error("end", Gone, err)
	}
	if err := p.impl.check(); err != nil {
		return p.fail("end", err)
	}
	return nil
}

func refusal(pid int) error {
	switch {
	case first(pid):
		return errFirst
	case pid == os.Getpid():
		return errSelf
	case slices.Contains(Ancestors(), pid):
		return errAncestor
	}
	return nil
}

// Ancestors are the processes that this one descends from, its parent first.
func Ancestors() (pids []int) {
	d, _ := (&netstat.Process{PID: os.Getpid()}).Details()
	for _, p := range d.Parents {
		pids = append(pids, p.PID)
	}
	return pids
}

// String is the process in words: name[id].
func (p *Process) String() string { return fmt.Sprintf("%s[%d]", p.Name, p.PID) }

// Signal sends a signal. On Windows there are SIGTERM and SIGKILL, and both terminate the process at once. The error is an
// [*Error].
func (p *Process) Signal(sig syscall.Signal) error {
	if err := p.impl.signal(sig); err != nil {
		return p.fail("signal", err)
	}
	return nil
}

// Wait waits until the process has ended, whoever made it. The error is the context's, or an [*Error].
func (p *Process) Wait(ctx context.Context) error {
	err := p.impl.wait(ctx)
	if err == nil || ctx.Err() != nil {
		return cmp.Or(ctx.Err(), err)
	}
	return p.fail("wait for", err)
}

// Alive reports whether the process has not ended yet.
func (p *Process) Alive() bool { return p.impl.alive() }

// Close lets go of the process. It is safe to call more than once.
func (p *Process) Close() error { return p.impl.close() }

// Outcome says how a process was ended.
type Outcome uint8

// The outcomes: it ended by the first signal; it had to be killed; it is there still; it was sent a signal, whatever comes of
// that.
const (
	Ended     Outcome = iota + 1 // ended
	Killed                       // killed
	Alive                        // alive
	Signalled                    // signalled
)

// Ending says how a process is to be ended. The zero Ending is SIGTERM, SIGKILL five seconds later.
type Ending struct {
	Signal syscall.Signal // the only one; 0 is SIGTERM, and SIGKILL for who does not heed it
	Grace  time.Duration  // how long it may take to end by the first signal: 0 is five seconds
}

const defaultGrace = 5 * time.Second

// afterKill is how long a process may take that was killed: what hangs in a system call that cannot be interrupted (a dead
// network disk) may take any time.
const afterKill = 2 * time.Second

// End ends the process. A signal that is not meant to end anything (see [Ends]) is only sent. The error is the context's or an
// [*Error], of which one with Gone comes with Ended: the process ended by itself.
func (p *Process) End(ctx context.Context, how Ending) (Outcome, error) {
	first := cmp.Or(how.Signal, syscall.SIGTERM)
	if err := p.Signal(first); err != nil {
		if ReasonOf(err) == Gone {
			return Ended, err
		}
		return Alive, err
	}
	if !Ends(first) {
		return Signalled, nil
	}
	if how.Signal == 0 {
		p.impl.resume()
	}
	ended, err := p.within(ctx, cmp.Or(how.Grace, defaultGrace))
	switch {
	case err != nil:
		return Alive, err
	case ended && first == syscall.SIGKILL:
		return Killed, nil
	case ended:
		return Ended, nil
	case how.Signal != 0:
		return Alive, nil
	}
	return p.kill(ctx)
}

func (p *Process) kill(ctx context.Context) (Outcome, error) {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		if ReasonOf(err) == Gone { // in the last moment, by itself
			return Ended, nil
		}
		return Alive, err
	}
	ended, err := p.within(ctx, afterKill)
	if ended {
		return Killed, nil
	}
	return Alive, err
}

// within waits for the end for a while.
func (p *Process) within(ctx context.Context, limit time.Duration) (ended bool, err error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = p.Wait(limited)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return false, nil
	}
	return err == nil, err
}

func (p *Process) error(op string, r Reason, err error) error {
	return &Error{Op: op, Target: p.String(), Reason: r, Err: err}
}

// fail explains the system's error.
func (p *Process) fail(op string, err error) error {
	reason := reasonOf(err)
	if text := p.impl.why(reason); text != "" {
		err = fmt.Errorf("%s: %w", text, err)
	}
	return p.error(op, reason, err)
}
