package relay

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/pipe"
)

// joint is two ends that are joined.
type joint struct {
	a, b   *end
	idle   time.Duration // end it when nothing has moved for so long; 0: never
	linger time.Duration

	moved   [2]atomic.Int64 // bytes from a to b, and back
	last    atomic.Int64    // when something moved, as time.Since(epoch)
	stopped atomic.Bool     // no more is to be read
	closing sync.Once
	leaving sync.Once
	closed  chan struct{} // both ends are
	left    chan struct{} // no more is to be read
	timedIt atomic.Bool   // it was ended for being idle
	pipes   *pipes

	interactive bool // a person is at one end
}

// epoch is what times are counted from.
var epoch = time.Now()

// errIdle is why a joint was ended.
var errIdle = errors.New("idle for too long")

// errStopped is what reading returns when the relay ends.
var errStopped = errors.New("stopped")

// run moves bytes both ways until both directions have ended, and closes both ends. The error is the first that is worth
// being told: that one side has gone is not.
func (j *joint) run() error {
	defer j.watchIdle(j.idle)()
	if j.a.echo || j.b.echo {
		return j.end(j.runEcho())
	}
	there, back := make(chan error, 1), make(chan error, 1)
	go func() { there <- j.pump(j.b, j.a, &j.moved[0]) }()
	go func() { back <- j.pump(j.a, j.b, &j.moved[1]) }()
	err := j.await(there, j.a.stuck)
	if err2 := j.await(back, j.b.stuck); err == nil {
		err = err2
	}
	return j.end(err)
}

// await waits for a direction. One whose source may be stuck in a Read is not waited for once all is closed.
func (j *joint) await(done chan error, stuck bool) error {
	if !stuck {
		return <-done
	}
	select {
	case err := <-done:
		return err
	case <-j.closed:
	case <-j.left:
	}
	select {
	case err := <-done:
		return err
	case <-time.After(stuckGrace):
		return nil
	}
}

// stuckGrace is for what was read already and is being written.
const stuckGrace = 50 * time.Millisecond

func (j *joint) runEcho() error {
	e := j.a
	if e.echo {
		e = j.b
	}
	err := j.pump(e, e, &j.moved[0])
	j.moved[1].Store(j.moved[0].Load())
	return err
}

// end closes both ends, and waits for programs.
func (j *joint) end(err error) error {
	j.close()
	for _, e := range []*end{j.a, j.b} {
		if e.wait == nil {
			continue
		}
		if werr := e.wait(); err == nil {
			err = werr
		}
	}
	if j.timedIt.Load() {
		return errIdle
	}
	return err
}

// close ends everything at once.
func (j *joint) close() {
	j.closing.Do(func() {
		j.stopped.Store(true)
		j.a.close()
		j.b.close()
		close(j.closed)
	})
}

// stop ends reading. What was read is still delivered.
func (j *joint) stop() {
	j.stopped.Store(true)
	j.leaving.Do(func() { close(j.left) })
	for _, e := range []*end{j.a, j.b} {
		if e.deadline == nil || e.deadline(time.Unix(1, 0)) != nil {
			e.close()
		}
	}
}

// pump moves what src sends to dst until its end, and tells dst of it.
func (j *joint) pump(dst, src *end, moved *atomic.Int64) error {
	err := j.transfer(dst, src, moved)
	var w *writeError
	switch {
	case errors.As(err, &w):
		return j.refused(dst, src, w.err)
	case err == nil, gone(err), errors.Is(err, errStopped):
		j.finish(dst, src)
		return nil
	}
	j.close()
	return err
}

// refused is for the end of dst's reading. What dst sends may go on.
func (j *joint) refused(dst, src *end, err error) error {
	switch {
	case !gone(err):
		j.close()
		return err
	case src == dst:
	case src.closeRead != nil:
		src.closeRead()
	case src.drains:
		j.lingering()
		io.Copy(io.Discard, src.Reader)
	}
	return nil
}

// finish tells dst that src sends no more. Where it cannot be told, or src has gone for good, the other direction goes on
// only while something moves.
func (j *joint) finish(dst, src *end) {
	told := dst.closeWrite != nil && dst.closeWrite() == nil
	if j.interactive && dst.stuck {
		j.close()
		return
	}
	if src != dst && (!told || src.socket() && hungUp(src.in)) && j.linger > 0 {
		j.lingering()
	}
}

func (j *joint) lingering() {
	j.touch()
	j.watchIdleUntil(j.linger, func() { j.close() })
}

func (j *joint) touch() { j.last.Store(int64(time.Since(epoch))) }

// watchIdle ends the joint when nothing has moved for so long.
func (j *joint) watchIdle(limit time.Duration) (stop func()) {
	j.touch()
	if limit <= 0 {
		return func() {}
	}
	return j.watchIdleUntil(limit, func() { j.timedIt.Store(true); j.close() })
}

// watchIdleUntil calls f once nothing has moved for so long; stop does not wait for it.
func (j *joint) watchIdleUntil(limit time.Duration, f func()) (stop func()) {
	var t *time.Timer
	var mu sync.Mutex
	mu.Lock()
	defer mu.Unlock()
	t = time.AfterFunc(limit, func() {
		rest := limit - (time.Since(epoch) - time.Duration(j.last.Load()))
		if rest <= 0 {
			f()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if !j.stopped.Load() {
			t.Reset(rest)
		}
	})
	return func() { t.Stop() }
}

// count is told of each transfer.
func (j *joint) count(moved *atomic.Int64, n int) {
	moved.Add(int64(n))
	j.touch()
}

// writeError is an error of the end that is written to.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// transfer moves everything until src's end. Errors of dst are *writeError.
func (j *joint) transfer(dst, src *end, moved *atomic.Int64) error {
	switch {
	case src.messages != nil || dst.messages != nil:
		return j.copyMessages(dst, src, moved)
	case src.in != nil && dst.out != nil:
		err := j.splice(dst, src, moved)
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return j.copyBytes(dst, src, moved)
}

// bufferSize is how much is read at once where nothing can be spliced.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func (j *joint) copyBytes(dst io.Writer, src io.Reader, moved *atomic.Int64) error {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	for {
		n, err := src.Read(buf[:])
		if n > 0 {
			if _, err := dst.Write(buf[:n]); err != nil {
				return &writeError{err}
			}
			j.count(moved, n)
		}
		if err != nil {
			return j.ended(err)
		}
	}
}

// ended turns io.EOF into none, and what is met when the relay ends into errStopped.
func (j *joint) ended(err error) error {
	switch {
	case err == io.EOF:
		return nil
	case j.stopped.Load():
		return errStopped
	}
	return err
}

// gone reports whether an error says no more than that the other side has gone.
func gone(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ENOTCONN) ||
		errors.Is(err, pipe.ErrBrokenPipe) || errors.Is(err, pipe.ErrNotConnected) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, os.ErrClosed) || errors.Is(err, net.ErrClosed) || goneSystem(err)
}
