// Package fdwalk finds the holders of sockets by walking /proc/PID/fd with raw system calls. It is the slowest way and
// the one that works everywhere on Linux; elsewhere Open returns an error for which errors.Is(err, errors.ErrUnsupported)
// holds.
package fdwalk

import "fmt"

// FD is a descriptor that refers to a socket.
type FD struct {
	Inode uint32 // of the socket
	FD    int32
}

// Process is a process that holds wanted sockets. It is used again for the next one: copy what is to be kept.
type Process struct {
	PID  int
	Comm string // short name, at most 15 bytes
	// Start is when the process started, in clock ticks since boot. With PID it identifies the process. It is 0, and Comm
	// empty, where the process ended while it was read.
	Start uint64
	// FDs are its descriptors, each once, also those that only some of its threads have (unshare(2) CLONE_FILES).
	FDs []FD
}

// Options say what a walk looks for.
type Options struct {
	// Want is the set of inodes that are looked for. Nil is every socket; the empty set is none, for which nothing is
	// read. It is not changed and must not be during the walk.
	Want *Set
	// FirstOwner ends the walk when every wanted socket has one holder, rather than going on to find all of them.
	FirstOwner bool
	// Workers is how many threads walk; 0 is two, or one where there is one processor. More do not help: the kernel's
	// locks are the limit.
	Workers int
}

// Report says how far a walk came.
type Report struct {
	Processes   int // looked at
	Descriptors int // read
	Denied      int // processes that may not be looked at; threads of the kernel do not count, they hold nothing
	Died        int // processes that ended before they were read
	// Unchecked counts threads that might have a descriptor table of their own, which could not be found out.
	Unchecked int
	// Hidden is set when /proc does not show the processes of others (hidepid=2), so that what they hold is not known.
	Hidden bool
	// Left counts processes that were not looked at because of an error or FirstOwner.
	Left int
}

// Complete reports whether every process was looked at, so that a wanted socket that was not found has no holder.
func (r *Report) Complete() bool {
	return r.Denied == 0 && r.Unchecked == 0 && r.Left == 0 && !r.Hidden
}

func (r *Report) add(o *Report) {
	r.Processes += o.Processes
	r.Descriptors += o.Descriptors
	r.Denied += o.Denied
	r.Died += o.Died
	r.Unchecked += o.Unchecked
}

// Error is a walk that broke off; what was found before it stands. Unwrap reaches the error number: EMFILE and ENFILE
// when descriptors are exhausted.
type Error struct {
	Op  string // "open", "list", ...
	PID int    // 0 where no process was concerned
	Err error
}

func (e *Error) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("walk of /proc: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("walk of /proc: %s process %d: %v", e.Op, e.PID, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }
