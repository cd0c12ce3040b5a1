package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const killLong = `End the processes that own a local port, and say when the port is free.

  sockeye kill 8080              who listens there, TCP and UDP
  sockeye kill 53/udp --yes      without asking
  sockeye kill 8080 --signal INT

Who listens on the port, or is bound to it, is ended: every process that holds the
socket, also after a fork, and each of several listeners side by side. Programs that
have only connections there are left alone, such as the clients of a server, and
the sessions of an sshd; with -a they are ended too.

You are shown who it is, and asked; where there is no terminal, say --yes. A process
gets SIGTERM and, when it is still there after --timeout, SIGKILL. With --signal it
gets that signal and nothing after it. On Windows it is terminated at once. It is the
process that was shown that is hit, never another one that has its id by then (pidfd,
Linux 5.3); one that has let go of the port while you thought is left.

Refused are the first process, this program and those that have started it, sockets
of the kernel, and on Windows what it cannot be without. When one of several owners
is refused, or may not be ended by you, none of them is, as the port would not become
free.

Each process has one of these results: ended, killed, signalled, gone (it ended by
itself), left, alive; denied, refused, unsupported, failed; would_end.

Exit status: 0 when the port is free (or the signal was sent), 1 when nobody owned it
or you said no, 2 when it is not free or the command was not understood.`

type killFlags struct {
	all     bool
	signal  string
	timeout time.Duration
	consent
	output
}

func (e *Env) killCommand() *cobra.Command {
	var f killFlags
	cmd := &cobra.Command{
		Use: "kill PORT[/tcp|/udp]...", Short: "End the owners of a port", Long: killLong, Args: needsPortFor("kill"),
		RunE:              func(cmd *cobra.Command, args []string) error { return e.kill(cmd.Context(), &f, args) },
		ValidArgsFunction: e.completePorts,
	}
	fs := cmd.Flags()
	f.consent.addTo(cmd)
	fs.BoolVarP(&f.all, "all", "a", false, "also who has only connections at the port")
	fs.StringVarP(&f.signal, "signal", "s", "", "the only signal to send: TERM, KILL, INT, HUP, ... (default TERM, then KILL)")
	fs.DurationVar(&f.timeout, "timeout", defaultKillTimeout, "how long a process may take to end by the first signal")
	f.output.addTo(cmd)
	completeWords(cmd, "signal", act.SignalNames())
	completeNothing(cmd, "timeout")
	return cmd
}

const defaultKillTimeout = 5 * time.Second

func needsPortFor(verb string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s needs a port, as in sockeye %s 8080", verb, verb)
		}
		return nil
	}
}

// killing is a kill command on its way.
type killing struct {
	env    *Env
	flags  *killFlags
	how    act.Ending
	format view.Format
	names  view.Names
	table  SocketTable
	asked  []question

	snap    netstat.Snapshot
	victims []*victim
	partial []error
}

// victim is a process and what becomes of it.
type victim struct {
	process *netstat.Process
	sockets []*netstat.Socket
	held    HeldProcess
	result  string
	err     error
}

func (v *victim) String() string { return fmt.Sprintf("%s[%d]", v.process.Name, v.process.PID) }

// The results that are neither Reason nor Outcome of act.
const (
	resultLeft     = "left"
	resultWouldEnd = "would_end"
)

func (e *Env) kill(ctx context.Context, f *killFlags, args []string) (err error) {
	k := &killing{env: e, flags: f, names: e.Names}
	if err := k.understand(args); err != nil {
		return err
	}
	if k.table, err = e.open(true); err != nil {
		return err
	}
	defer k.table.Close()
	defer k.release()
	if err := k.read(); err != nil {
		return err
	}
	k.choose()
	if len(k.victims) == 0 {
		return k.nobody()
	}
	if err := k.hold(); err != nil {
		return k.fail(err)
	}
	return k.proceed(ctx)
}

func (k *killing) understand(args []string) (err error) {
	if err := k.env.mayAsk(&k.flags.consent); err != nil {
		return err
	}
	if k.flags.timeout <= 0 {
		return fmt.Errorf("--timeout is more than 0, not %v", k.flags.timeout)
	}
	if k.how.Signal, err = signalFlag(k.flags.signal); err != nil {
		return err
	}
	k.how.Grace = k.flags.timeout
	if k.format, err = k.flags.format(); err != nil {
		return err
	}
	k.asked, err = parseQuestions(args, &k.names)
	return err
}

// read reads what has one of the ports.
func (k *killing) read() error {
	var all []*asked
	for _, q := range k.asked {
		all = append(all, &asked{question: q})
	}
	k.snap = netstat.Snapshot{} // the victims refer to the sockets of the one before
	if err := k.table.Read(whoQuery(all), &k.snap); err != nil {
		return err
	}
	k.partial = k.snap.Partial
	return nil
}

// wanted reports whether the owners of a socket are meant.
func (k *killing) wanted(s *netstat.Socket) bool {
	for _, q := range k.asked {
		if q.protos().Has(s.Proto) && q.port == s.Local.Port() {
			return owns(s) || k.flags.all
		}
	}
	return false
}

// owns reports whether a socket has its port in its own right, and not as one end of a connection.
func owns(s *netstat.Socket) bool {
	return s.State == netstat.Listen || s.State == netstat.Bound || s.State == netstat.Unconnected
}

// choose gathers the processes that hold a wanted socket.
func (k *killing) choose() {
	k.victims = nil
	for i := range k.snap.Sockets {
		s := &k.snap.Sockets[i]
		if !k.wanted(s) {
			continue
		}
		for _, o := range s.Owners {
			v := k.victim(o.Process)
			if !slices.Contains(v.sockets, s) {
				v.sockets = append(v.sockets, s)
			}
		}
	}
	slices.SortFunc(k.victims, func(a, b *victim) int { return a.process.PID - b.process.PID })
}

func (k *killing) victim(p *netstat.Process) *victim {
	for _, v := range k.victims {
		if v.process.PID == p.PID {
			return v
		}
	}
	v := &victim{process: p}
	k.victims = append(k.victims, v)
	return v
}

var (
	errHiddenOwner = errors.New("who owns it may not be seen: run it as root, or see sockeye doctor")
	errKernelOwner = errors.New("the kernel itself uses the socket, or it is on its way between processes: there is none to end")
)

// ownerless is why a wanted socket has no process that could be ended; nil where it has, or where nobody wants it.
func (k *killing) ownerless() error {
	for i := range k.snap.Sockets {
		s := &k.snap.Sockets[i]
		switch {
		case !k.wanted(s):
		case s.Missing.Hides():
			return fmt.Errorf("%s port %d: %w", s.Proto, s.Local.Port(), errHiddenOwner)
		case s.Missing == netstat.MissingNoHolder:
			return fmt.Errorf("%s port %d: %w", s.Proto, s.Local.Port(), errKernelOwner)
		}
	}
	return nil
}

// nobody is the answer where there is nobody to end.
func (k *killing) nobody() error {
	if err := k.ownerless(); err != nil {
		return k.fail(err)
	}
	if err := k.write(); err != nil {
		return err
	}
	return quit(exitNotFound)
}

// hold takes hold of all processes before anybody is asked, and of none if one cannot be had.
func (k *killing) hold() error {
	if err := k.ownerless(); err != nil {
		return err
	}
	var first error
	for _, v := range k.victims {
		v.held, v.err = k.env.Do.Hold(v.process)
		switch reason := act.ReasonOf(v.err); {
		case v.err == nil:
		case reason == act.Gone:
			v.result = reason.String()
		default:
			v.result = reason.String()
			if first == nil {
				first = fmt.Errorf("%s: %s; nothing was done", v, whyNot(v.err))
			}
		}
	}
	return first
}

func (k *killing) release() {
	for _, v := range k.victims {
		if v.held != nil {
			v.held.Close()
			v.held = nil
		}
	}
}

// fail also tells programs what stands in the way.
func (k *killing) fail(err error) error {
	for _, v := range k.victims {
		if v.result == "" {
			v.result = resultLeft
		}
	}
	if k.format != view.Table {
		if werr := k.write(); werr != nil {
			return werr
		}
	}
	for _, p := range k.partial {
		k.env.note(p)
	}
	return err
}

// proceed asks, ends, and says what came of it.
func (k *killing) proceed(ctx context.Context) error {
	if k.flags.dryRun {
		k.each(func(v *victim) { v.result = resultWouldEnd })
		return k.write()
	}
	left := 0
	k.each(func(*victim) { left++ })
	if left > 0 { // else all have ended by themselves
		if err := k.decide(ctx); err != nil {
			return err
		}
	}
	return k.conclude(ctx)
}

func (k *killing) decide(ctx context.Context) error {
	shown := ""
	if !k.flags.yes {
		shown = k.preview()
	}
	if err := k.env.confirm(ctx, &k.flags.consent, shown, k.askText()); err != nil {
		return err
	}
	if err := k.again(); err != nil {
		return err
	}
	k.end(ctx)
	return ctx.Err()
}

func (k *killing) each(do func(*victim)) {
	for _, v := range k.victims {
		if v.result == "" {
			do(v)
		}
	}
}

// again looks who still has the port: somebody may have thought for long. Who has let go of it is left; who has come meanwhile
// was not shown, and is left too.
func (k *killing) again() error {
	old := k.victims
	if err := k.read(); err != nil {
		return err
	}
	k.choose()
	still := func(v *victim) bool {
		return slices.ContainsFunc(k.victims, func(n *victim) bool {
			return n.process.PID == v.process.PID && n.process.Started.Equal(v.process.Started)
		})
	}
	for _, v := range old {
		if v.result == "" && !still(v) {
			v.result = resultLeft
		}
	}
	k.victims = old
	return nil
}

// end ends all of them at once: one that waits for another's end would get its time from that one's.
func (k *killing) end(ctx context.Context) {
	var all sync.WaitGroup
	k.each(func(v *victim) {
		all.Go(func() {
			var outcome act.Outcome
			outcome, v.err = v.held.End(ctx, k.how)
			v.result = outcome.String()
			if reason := act.ReasonOf(v.err); v.err != nil && (outcome == act.Alive || reason == act.Gone) {
				v.result = reason.String()
			}
		})
	})
	all.Wait()
}

// settling is how long the kernel may take to take down what a process had, and a program to let go of its port that was only
// asked to.
const settling = 2 * time.Second

// conclude waits until the ports are free, and says so.
func (k *killing) conclude(ctx context.Context) error {
	var stuck error
	for _, v := range k.victims {
		switch v.result {
		case act.Ended.String(), act.Killed.String(), act.Gone.String(), act.Signalled.String(), resultLeft:
		case act.Alive.String():
			stuck = fmt.Errorf("%s is still there after %v; --signal KILL leaves it no choice", v, k.flags.timeout)
			if k.how.Signal == 0 {
				stuck = fmt.Errorf("%s does not end even when killed: it hangs in the kernel", v)
			}
		default:
			stuck = fmt.Errorf("%s: %w", v, v.err)
		}
	}
	if stuck != nil {
		return k.fail(stuck)
	}
	if k.how.Signal != 0 && !act.Ends(k.how.Signal) {
		return k.write()
	}
	if err := k.untilFree(ctx); err != nil {
		return k.fail(err)
	}
	return k.write()
}

// secondLook is how long a port has to be free: supervisors start again what has ended, systemd after 100 ms.
const secondLook = 200 * time.Millisecond

// untilFree waits until nobody has the ports, and names who has one again.
func (k *killing) untilFree(ctx context.Context) error {
	shown := k.victims
	defer func() { k.victims = shown }()
	hints := k.env.Do.Hints(true)
	defer hints.Close()
	var freeSince time.Time
	for end := k.env.Now().Add(settling); ; {
		if err := k.read(); err != nil {
			return err
		}
		k.choose()
		now := k.env.Now()
		switch free := len(k.victims) == 0 && k.ownerless() == nil; {
		case !free && !now.Before(end):
			return k.heldAgain()
		case !free:
			freeSince = time.Time{}
		case freeSince.IsZero():
			freeSince = now
		case now.Sub(freeSince) >= secondLook:
			return nil
		}
		if err := hints.Wait(ctx, k.ports(), secondLook/4); err != nil {
			return err
		}
	}
}

func (k *killing) heldAgain() error {
	if len(k.victims) == 0 {
		return k.ownerless()
	}
	v := k.victims[0]
	err := fmt.Errorf("port %d is not free: %s has it", v.sockets[0].Local.Port(), v)
	if unit, ok := strings.CutSuffix(v.process.Module, ".service"); ok {
		return fmt.Errorf("%w; its unit starts it again: systemctl stop %s", err, unit)
	}
	return fmt.Errorf("%w (it was started again, or took the port)", err)
}

func (k *killing) ports() (list []uint16) {
	for _, q := range k.asked {
		list = append(list, q.port)
	}
	return list
}
