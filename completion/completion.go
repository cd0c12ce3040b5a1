// Package completion is the completion port: operations on sockets, files and pipes are handed to the system, and their
// results are reaped in batches. On Windows it is the system's own (IOCP). On Linux it is io_uring, by plain system calls,
// and epoll where io_uring is refused (containers, kernel.io_uring_disabled); the results are the same.
//
//	port, err := completion.Open(nil)
//	...
//	defer port.Close()
//	conn, err := port.Attach(socket)
//	...
//	recv := &completion.Op{Kind: completion.Recv, Handle: conn, Buf: make([]byte, 4096)}
//	if err := port.Submit(recv); err != nil {
//		return err
//	}
//	var done [64]*completion.Op
//	n, err := port.Wait(done[:], -1)
//	for _, op := range done[:n] {
//		fmt.Println(op.N, op.Err)
//	}
//
// Whoever wants a server has no need of ports: [Serve] is one in a line, with a port for each processor.
//
// # Whose memory
//
// An [Op], its buffers and its Handle belong to the port from Submit until Wait returns the operation, and nobody else
// may read or write them meanwhile. The port keeps them reachable and pinned. Afterwards neither the port nor the kernel
// touches them again, and the same Op may be submitted anew. This holds for cancelled operations too: [Port.Cancel] asks the
// kernel to let go, and the operation is returned once it has.
package completion

import (
	"errors"
	"fmt"
	"time"
)

// Backend is the system's mechanism under a port.
type Backend uint8

// The backends. Auto takes what the environment variable SOCKEYE_BACKEND names and else the best that works here.
const (
	Auto    Backend = iota // auto
	IOUring                // io_uring
	Epoll                  // epoll
	IOCP                   // iocp
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -linecomment -type=Backend,Kind,Direction -output=zstring.go

// EnvBackend is the environment variable that Config.Backend Auto obeys: "io_uring", "epoll", "iocp", or "auto".
const EnvBackend = "SOCKEYE_BACKEND"

// Config says how a port is opened. The zero Config, or a nil one, is right for nearly everyone.
type Config struct {
	// Backend is the mechanism. One that is named and cannot be had is an error; Auto falls back.
	Backend Backend

	// Exclusive makes the port that of the goroutine that calls Wait first: it is locked to its thread, and only it may call
	// Wait and Close. This is the fastest, since the thread that reaps is also the one that submits. Without it a thread of
	// the port reaps, and any number of goroutines may call Wait.
	Exclusive bool

	// Spin is how long Wait looks for results before it sleeps, with a processor kept busy. It shortens the time until a
	// single result is returned: 60 us are a good value. 0 is not to spin.
	Spin time.Duration

	// Hold is how long a wait may hold its processor (of GOMAXPROCS) before Go's scheduler is told that the thread sleeps.
	// Telling it costs more than a short wait. It must be short (100 us), since the garbage collector and other goroutines
	// may wait as long; and there must be more processors than ports that do so. 0 is not to hold any.
	Hold time.Duration

	// Entries is how many operations are handed to the kernel at once: 0 is 1024. More may be under way.
	Entries int
}

// The errors of ports. An operation that was cancelled ends with ErrCanceled; one whose Timeout passed with
// os.ErrDeadlineExceeded; one that met the end of a stream or file with io.EOF. Everything else is the system's error number.
var (
	ErrClosed   = errors.New("port is closed")
	ErrCanceled = errors.New("operation was cancelled")
	ErrBusy     = errors.New("operation is under way already")
)

// OpError is the error of an operation of a port. Unwrap reaches the system's error number.
type OpError struct {
	Op  string // what was being done: "open", "submit", "recv", ...
	Err error
}

func (e *OpError) Error() string { return "completion: " + e.Op + ": " + e.Err.Error() }

// Unwrap gives the error underneath.
func (e *OpError) Unwrap() error { return e.Err }

const defaultEntries = 1024

func (c *Config) normal() (Config, error) {
	var n Config
	if c != nil {
		n = *c
	}
	if n.Entries == 0 {
		n.Entries = defaultEntries
	}
	if n.Entries < 1 || n.Entries > 32768 || n.Spin < 0 || n.Hold < 0 || n.Hold > time.Millisecond || n.Backend > IOCP {
		return n, fmt.Errorf("%d entries (1 to 32768), a spin of %v, a hold of %v (1 ms at most) or backend %d cannot be had", n.Entries, n.Spin, n.Hold, n.Backend)
	}
	return n, nil
}

// ParseBackend is the inverse of Backend.String.
func ParseBackend(s string) (Backend, error) {
	for b := Auto; b <= IOCP; b++ {
		if b.String() == s {
			return b, nil
		}
	}
	return 0, fmt.Errorf("backend %q is none of auto, io_uring, epoll, iocp", s)
}
