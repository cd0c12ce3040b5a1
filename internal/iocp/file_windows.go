package iocp

import (
	"errors"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Errors of a File's methods, besides the system's numbers.
var (
	ErrClosed  = errors.New("the handle was closed")
	ErrTimeout = errors.New("the deadline has expired")
)

// Op is the memory of an overlapped call. It is used for one call after the other, and must be on the heap: make it with
// NewOp. It is not safe for concurrent use.
type Op struct {
	ov   windows.Overlapped // first: the port's packets name it
	buf  [2]*byte           // keeps the buffers alive, and off the stack, while the system writes to them
	done chan struct{}
	then func() // called instead of done, by the port's goroutine
}

// NewOp returns an Op.
func NewOp() *Op { return &Op{done: make(chan struct{}, 1)} }

func operation(ov *windows.Overlapped) *Op { return (*Op)(unsafe.Pointer(ov)) }

func (o *Op) complete() {
	if o.then != nil {
		o.then()
		return
	}
	select {
	case o.done <- struct{}{}:
	default: // a packet of a call that was done at once: await looks at the result, not at the number of packets
	}
}

// Hold keeps the buffers for the call that comes.
func (o *Op) Hold(a, b []byte) { o.buf = [2]*byte{unsafe.SliceData(a), unsafe.SliceData(b)} }

// Call starts an overlapped call: it returns what the system does, and how many bytes were moved where it was done at once.
type Call func(h windows.Handle, ov *windows.Overlapped, n *uint32) error

// File is an overlapped handle on the port. Its methods may be called from several goroutines at once, each with an Op of
// its own.
type File struct {
	handle windows.Handle
	skip   bool // a call that is done at once sends no packet

	mu      sync.Mutex
	users   int
	closing chan struct{}
	idle    sync.Cond
}

// Open puts the handle on the port. The File owns it, unless there is an error.
func Open(h windows.Handle) (*File, error) {
	if err := join(h); err != nil {
		return nil, err
	}
	const modes = windows.FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | fileSkipSetEventOnHandle
	f := &File{handle: h, closing: make(chan struct{})}
	f.skip = windows.SetFileCompletionNotificationModes(h, modes) == nil
	f.idle.L = &f.mu
	return f, nil
}

const fileSkipSetEventOnHandle = 2

func (f *File) acquire() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isClosing() {
		return false
	}
	f.users++
	return true
}

func (f *File) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.users--; f.users == 0 {
		f.idle.Broadcast()
	}
}

func (f *File) isClosing() bool {
	select {
	case <-f.closing:
		return true
	default:
		return false
	}
}

// Closing is closed when Close is called.
func (f *File) Closing() <-chan struct{} { return f.closing }

// Close ends the calls that wait, with ErrClosed, waits until the system has let go of their memory, and closes the handle.
func (f *File) Close() error {
	f.mu.Lock()
	if f.isClosing() {
		f.mu.Unlock()
		return ErrClosed
	}
	close(f.closing)
	for f.users > 0 {
		windows.CancelIoEx(f.handle, nil)
		f.idle.Wait()
	}
	f.mu.Unlock()
	err := windows.CloseHandle(f.handle)
	leave()
	return err
}

// With calls fn with the handle, which stays open meanwhile. It is for calls that do not wait.
func (f *File) With(fn func(h windows.Handle) error) error {
	if !f.acquire() {
		return ErrClosed
	}
	defer f.release()
	return fn(f.handle)
}

// Do makes an overlapped call and waits for its end, for the deadline, or for Close. n is valid with
// windows.ERROR_MORE_DATA, too.
func (f *File) Do(o *Op, d *Deadline, start Call) (n int, err error) {
	if d.Expired() {
		return 0, ErrTimeout
	}
	if !f.acquire() {
		return 0, ErrClosed
	}
	defer f.release()
	o.then, o.ov = nil, windows.Overlapped{}
	var done uint32
	err = start(f.handle, &o.ov, &done)
	switch {
	case f.pending(err):
		err = f.await(o, d, &done)
	case err == windows.ERROR_MORE_DATA:
		done = uint32(o.ov.InternalHigh) // of a call that has failed, not every Windows tells how far it got
	}
	o.buf = [2]*byte{}
	return int(done), err
}

// pending reports whether the end of a call is yet to come from the port.
func (f *File) pending(err error) bool {
	return err == windows.ERROR_IO_PENDING || !f.skip && (err == nil || err == windows.ERROR_MORE_DATA)
}

// await waits for a call that was started. However the wait ends, the system has let go of the memory when it returns.
func (f *File) await(o *Op, d *Deadline, n *uint32) error {
	var why error
	select {
	case <-o.done:
	case <-d.Wait():
		why = ErrTimeout
	case <-f.closing:
		why = ErrClosed
	}
	if why != nil {
		windows.CancelIoEx(f.handle, &o.ov) // may come too late, and then the result counts
		<-o.done
	}
	err := windows.GetOverlappedResult(f.handle, &o.ov, n, false)
	for err == windows.ERROR_IO_INCOMPLETE {
		<-o.done
		err = windows.GetOverlappedResult(f.handle, &o.ov, n, false)
	}
	if err == windows.ERROR_OPERATION_ABORTED && why == nil && f.isClosing() {
		why = ErrClosed
	}
	if err == windows.ERROR_OPERATION_ABORTED && why != nil {
		return why
	}
	return err
}

// Start makes an overlapped call whose end is told to then, once: by the port's goroutine, which then must not hold up, or
// by Start itself. The handle stays open until it has been told.
func (f *File) Start(o *Op, start Call, then func(err error)) {
	if !f.acquire() {
		then(ErrClosed)
		return
	}
	o.ov = windows.Overlapped{}
	o.then = func() {
		var n uint32
		err := windows.GetOverlappedResult(f.handle, &o.ov, &n, false)
		f.release()
		then(err)
	}
	var n uint32
	err := start(f.handle, &o.ov, &n)
	if !f.pending(err) {
		f.release()
		then(err)
		return
	}
	if f.isClosing() { // Close may have looked before the call had begun
		windows.CancelIoEx(f.handle, &o.ov)
	}
}
