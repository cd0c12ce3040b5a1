package completion

import (
	"errors"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// loop is what every backend has in common: it takes what is submitted, has the driver begin it, keeps it reachable, cancels
// it, and collects what has ended. All of it but the intake runs on one thread: io_uring and the order of results want that.
type loop struct {
	cfg     Config
	backend Backend
	drv     driver
	start   time.Time // of the loop's clock

	// The intake: from any goroutine.
	mu       sync.Mutex
	in       []*Op
	asks     []request
	closed   atomic.Bool // set under mu
	gone     bool        // the driver is about to be shut
	sleeping atomic.Bool // the thread waits in the kernel and has to be woken
	off      offload

	// The thread's own.
	owned  bool
	slots  []*Op // what was begun and has not ended: the kernel knows an operation by its place here
	free   []int32
	live   int
	todo   []*Op // another round of what has ended
	done   fifo
	timers timers
	inBuf  []*Op // memory of the intake's other half
	askBuf []request
	stop   bool     // the pump is to end
	post   *mailbox // of a server's goroutines
	ran    bool     // what was asked for may have changed what the caller waits for: do not wait
	hot    bool     // a server's connections have more to be received: do not wait
	yields bool     // let goroutines run before sleeping: they may have something
}

// errStop ends a pump that was asked to.
var errStop = errors.New("stopped")

// driver is what a backend has to do. All but wake is called on the loop's thread.
type driver interface {
	// enable is called once, first, by the thread that makes all other calls.
	enable() error
	// begin starts an operation, or the next round of it. It calls loop.finish once, at once or from wait.
	begin(op *Op)
	// cancel asks the kernel to let go of an operation that was begun; loop.finish is called all the same.
	cancel(op *Op)
	// wait hands what was begun to the kernel and waits for something to end: at most d, without bound if d is negative, not
	// at all if it is 0. It reports whether the kernel had anything to tell. A raw wait does not tell the scheduler that the
	// thread is away, so d must be short.
	wait(d time.Duration, raw bool) (found bool, err error)
	// wake ends a wait. It may be called from any thread.
	wake()
	// shut releases everything. Nothing is under way.
	shut() error
}

// request is what is asked of the loop from outside.
type request struct {
	op     *Op
	count  uint32 // which of the op's submissions
	handle *Handle
	all    bool
	run    func()
}

func (l *loop) open(c Config) error {
	l.cfg, l.start = c, time.Now()
	l.timers.loop = l
	return l.choose()
}

// now is the time on the loop's clock.
func (l *loop) now() time.Duration { return time.Since(l.start) }

// after is d from now. What is beyond the clock is never.
func (l *loop) after(d time.Duration) time.Duration {
	if at := l.now() + max(d, 0); at > 0 {
		return at
	}
	return math.MaxInt64
}

func (l *loop) submit(ops []*Op) error {
	for i, op := range ops {
		if !op.claim() {
			disown(ops[:i])
			return ErrBusy
		}
		op.clear()
		op.become(queued)
	}
	l.mu.Lock()
	if l.closed.Load() {
		l.mu.Unlock()
		disown(ops)
		return ErrClosed
	}
	l.in = append(l.in, ops...)
	l.mu.Unlock()
	l.rouse()
	return nil
}

func disown(ops []*Op) {
	for _, op := range ops {
		op.become(idle)
	}
}

func (l *loop) request(r request) error {
	l.mu.Lock()
	if l.closed.Load() {
		l.mu.Unlock()
		return ErrClosed
	}
	l.asks = append(l.asks, r)
	l.mu.Unlock()
	l.rouse()
	return nil
}

// rouse wakes the thread if it sleeps, which costs a system call; while it runs it looks at the intake by itself.
func (l *loop) rouse() {
	if !l.sleeping.Load() || !l.sleeping.CompareAndSwap(true, false) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.gone { // what is rung may be another's by now
		l.drv.wake()
	}
}

// take begins what has come in, and reports whether there was anything.
func (l *loop) take() bool {
	l.mu.Lock()
	ops, asks := l.in, l.asks
	l.in, l.asks = l.inBuf[:0], l.askBuf[:0]
	l.mu.Unlock()
	rounds := l.todo
	l.todo = nil
	for _, op := range rounds {
		op.Handle.between(-1)
		l.begin(op)
	}
	for _, op := range ops {
		l.begin(op)
	}
	mailed := l.post != nil && l.post.open() // before what was asked for since: a Send before a Close
	for _, r := range asks {
		l.obey(r)
	}
	clear(ops)
	clear(asks)
	l.inBuf, l.askBuf = ops[:0], asks[:0]
	return mailed || len(ops)+len(asks)+len(rounds) > 0
}

func (l *loop) obey(r request) {
	switch {
	case r.run != nil:
		r.run()
		l.ran = true
	case r.op != nil:
		if r.op.count() == r.count {
			l.cancel(r.op, cancelled)
		}
	case r.handle != nil:
		l.cancelHandle(r.handle, nil)
	case r.all:
		l.cancelAll(cancelled)
	}
}

// begin starts an operation that came in, or its next round.
func (l *loop) begin(op *Op) {
	op.become(begun)
	l.enroll(op)
	if op.has(cancelled) && op.Kind != Close { // before it was begun
		l.finish(op, 0, syscall.ECANCELED)
		return
	}
	if op.Kind == Packet {
		l.finish(op, 0, nil)
		return
	}
	if op.Timeout > 0 || op.Kind == Timer {
		l.timers.add(op, l.after(op.Timeout))
	}
	if op.Kind == Timer {
		return
	}
	if err := l.unfit(op); err != nil {
		l.finish(op, 0, err)
		return
	}
	op.hold()
	if op.Kind == Close && !l.clearFor(op) {
		return
	}
	l.drv.begin(op)
}

// unfit puts an operation on its handle's list, or tells what is wrong with it.
func (l *loop) unfit(op *Op) error {
	h := op.Handle
	switch op.Kind {
	case Shutdown, Poll, Call:
		if op.How > Both || op.Kind == Call && op.Call == nil {
			return syscall.EINVAL
		}
	case ReadAt, WriteAt:
		if op.Offset < 0 { // io_uring would read where the file stands
			return syscall.EINVAL
		}
	}
	switch {
	case op.Kind > Call:
		return syscall.EINVAL
	case h != nil && h.loop != l, op.Into != nil && op.Into.loop != l:
		return errForeign
	case !h.join(op):
		return errBadHandle
	}
	return nil
}

// errForeign: on Windows the result would come out of the other port.
var errForeign = errors.New("handle belongs to another port")

// enroll gives an operation its place in the table.
func (l *loop) enroll(op *Op) {
	l.live++
	if n := len(l.free); n > 0 {
		op.slot, l.free = l.free[n-1], l.free[:n-1]
		l.slots[op.slot] = op
		return
	}
	op.slot = int32(len(l.slots))
	l.slots = append(l.slots, op)
}

// clearFor cancels what is under way on the handle that op closes, and reports whether there was nothing.
func (l *loop) clearFor(op *Op) bool {
	h := op.Handle
	h.closing = op
	l.cancelHandle(h, op)
	return h.alone(op)
}

// finish is called by the driver when an operation has ended, for whatever reason.
func (l *loop) finish(op *Op, n int, err error) {
	h := op.Handle
	l.release(op)
	op.N, op.Err = n, op.verdict(err)
	if op.flags &= cancelled; op.Err == ErrCanceled {
		op.flags = 0 // it has been told
	}
	op.become(ending)
	if op.Next != nil && op.Next(op) {
		asked := op.flags & cancelled // too late for this round, or while Next ran
		op.clear()
		op.flags = asked
		l.again(op)
	} else {
		op.become(idle)
		l.done.push(op)
	}
	l.endOf(h, op)
}

// endOf closes a handle that was to be closed, if op was the last on it.
func (l *loop) endOf(h *Handle, op *Op) {
	if h != nil && h.closing != nil && h.closing != op && h.alone(h.closing) {
		l.drv.begin(h.closing)
	}
}

// again has an operation begun on the next turn.
func (l *loop) again(op *Op) {
	op.become(queued)
	op.Handle.between(1)
	l.todo = append(l.todo, op)
}

// release gives back all that an operation under way holds.
func (l *loop) release(op *Op) {
	l.timers.remove(op)
	op.drop()
	l.slots[op.slot] = nil
	l.free = append(l.free, op.slot)
	l.live--
	if op.Handle != nil {
		op.Handle.leave(op)
	}
}

// verdict is the error that the caller sees.
func (o *Op) verdict(err error) error {
	switch {
	case err == nil:
		return nil
	case !isCanceled(err):
		return err
	case o.has(timedOut):
		return os.ErrDeadlineExceeded
	default:
		return ErrCanceled
	}
}

// cancel marks an operation and asks the kernel, once, to let go of it.
func (l *loop) cancel(op *Op, why uint8) {
	switch state := op.is(); {
	case state == queued || state == ending: // it has no round now, and is not to have another
		op.flags |= why
		return
	case state != begun || op.has(askedFor) || op.Kind == Close: // which ends by itself
		return
	}
	op.flags |= why | askedFor
	if op.Kind == Timer {
		l.finish(op, 0, syscall.ECANCELED)
	} else {
		l.drv.cancel(op)
	}
}

// cancelHandle cancels in the order in which operations began, in which the epoll backend finds them at once.
func (l *loop) cancelHandle(h *Handle, but *Op) {
	op := h.ops
	for op != nil && op.next != nil {
		op = op.next
	}
	for op != nil {
		newer := op.prev // op may end in here, and leave the list
		if op != but {
			l.cancel(op, cancelled)
		}
		op = newer
	}
	if h.rounds > 0 {
		l.cancelRounds(func(op *Op) bool { return op.Handle == h })
	}
}

// cancelRounds cancels what is between two rounds.
func (l *loop) cancelRounds(which func(*Op) bool) {
	for _, op := range l.todo {
		if which(op) {
			l.cancel(op, cancelled)
		}
	}
}

func (l *loop) cancelAll(why uint8) {
	for i := range l.slots {
		if op := l.slots[i]; op != nil {
			l.cancel(op, why)
		}
	}
	l.cancelRounds(func(*Op) bool { return true })
}

// reap is Wait.
func (l *loop) reap(done []*Op, timeout time.Duration) (int, error) {
	n := l.done.pop(done)
	switch closed := l.closed.Load(); {
	case closed && n == 0:
		return 0, ErrClosed
	case closed:
		return n, nil
	case n > 0:
		return n, l.turn(0)
	}
	if err := l.own(); err != nil {
		return 0, err
	}
	var end time.Duration
	if timeout > 0 {
		end = l.after(timeout)
	}
	for {
		if err := l.turn(timeout); err != nil {
			return 0, err
		}
		if n := l.done.pop(done); n > 0 || timeout == 0 {
			return n, nil
		}
		if l.stop {
			return 0, errStop
		}
		if timeout > 0 {
			timeout = max(end-l.now(), 0)
		}
	}
}

// own makes the calling thread the loop's.
func (l *loop) own() error {
	if l.owned {
		return nil
	}
	runtime.LockOSThread()
	if err := l.drv.enable(); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	l.owned = true
	return nil
}

// turn begins what came in, and waits at most d for something to end.
func (l *loop) turn(d time.Duration) error {
	l.take()
	if l.done.len() > 0 || len(l.todo) > 0 || l.stop || l.hot || l.ran {
		d = 0
	}
	l.ran = false
	err := l.wait(l.timers.bound(d))
	l.timers.fire()
	l.off.collect(l)
	return err
}

// wait waits in up to three ways, of which each costs the others less: spinning, holding the processor, asleep.
func (l *loop) wait(d time.Duration) error {
	if d == 0 {
		_, err := l.drv.wait(0, true)
		return err
	}
	d = min(d, longest)
	if l.cfg.Spin > 0 || l.yields {
		if found, err := l.spin(d); found || err != nil {
			return err
		}
	}
	if l.yields {
		runtime.Gosched()
	}
	l.sleeping.Store(true)
	defer l.sleeping.Store(false)
	if l.hasNews() {
		_, err := l.drv.wait(0, true)
		return err
	}
	if l.cfg.Hold > 0 && (d < 0 || d > l.cfg.Hold) {
		if found, err := l.drv.wait(l.cfg.Hold, true); found || err != nil || l.hasNews() {
			return err
		}
	}
	_, err := l.drv.wait(d, false)
	return err
}

// longest is how long one wait is: the kernel adds it to a clock of its own.
const longest = time.Hour

func (l *loop) hasNews() bool {
	if l.post != nil && l.post.waits() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.in)+len(l.asks) > 0
}

// spin looks for results again and again, for Config.Spin at most, and once at least.
func (l *loop) spin(d time.Duration) (found bool, err error) {
	limit := l.cfg.Spin
	if d > 0 {
		limit = min(limit, d)
	}
	for end := l.now() + limit; ; {
		found, err := l.drv.wait(0, true)
		if found || err != nil || l.hasNews() {
			return true, err
		}
		if l.now() >= end {
			return false, nil
		}
	}
}

// close ends everything. It is called on the loop's thread, or where no thread has been it yet.
func (l *loop) close() error {
	l.mu.Lock()
	if l.closed.Load() {
		l.mu.Unlock()
		return nil
	}
	l.closed.Store(true)
	l.mu.Unlock()
	if err := l.own(); err != nil {
		return &OpError{Op: "close", Err: err}
	}
	defer runtime.UnlockOSThread()
	if err := l.quiesce(); err != nil {
		return &OpError{Op: "close", Err: err}
	}
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
	if err := l.drv.shut(); err != nil {
		return &OpError{Op: "close", Err: err}
	}
	return nil
}

// quiesce cancels and waits until nothing is under way.
func (l *loop) quiesce() error {
	l.take()
	for l.live > 0 {
		l.cancelAll(cancelled)
		l.endRounds()
		if l.live == 0 {
			break
		}
		l.sleeping.Store(true)
		if _, err := l.drv.wait(closePace, false); err != nil {
			return err
		}
		l.off.collect(l)
	}
	l.endRounds()
	return nil
}

// endRounds ends what was to have another round.
func (l *loop) endRounds() {
	rounds := l.todo
	l.todo = nil
	for _, op := range rounds {
		h := op.Handle
		h.between(-1)
		op.N, op.Err = 0, ErrCanceled
		if op.Next != nil { // it is told of every end, and may have something to undo
			op.become(ending)
			op.Next(op)
		}
		op.become(idle)
		l.done.push(op)
		l.endOf(h, op)
	}
}

// closePace bounds one wait for the kernel to let go, so that what another thread does for the loop is seen.
const closePace = 10 * time.Millisecond

// cancelLater has an operation cancelled when there is room for the request.
func (l *loop) cancelLater(op *Op) {
	l.mu.Lock()
	l.asks = append(l.asks, request{op: op, count: op.count()})
	l.mu.Unlock()
}
