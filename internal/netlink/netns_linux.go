package netlink

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OpenIn opens a socket in the network namespace that the file at path refers to: /proc/PID/ns/net, or a bind mount of
// one, such as /run/netns/NAME. It needs CAP_SYS_ADMIN in that namespace's user namespace and in the caller's own. The
// socket stays in the namespace and keeps it alive; the calling thread is back in its own when OpenIn returns.
func OpenIn(path string) (*Conn, error) {
	target, err := openNS(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(target)
	type result struct {
		c   *Conn
		err error
	}
	done := make(chan result)
	go func() {
		c, err := openAt(target)
		done <- result{c, err}
	}()
	r := <-done
	return r.c, r.err
}

// openAt moves its thread to another namespace, opens the socket, and moves back. If that fails the thread must not
// serve another goroutine: it stays locked, and ends with the goroutine that it belongs to.
func openAt(target int) (*Conn, error) {
	runtime.LockOSThread()
	own, err := openNS("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer unix.Close(own)
	if err := unix.Setns(target, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, &OpError{Op: "setns", Err: err}
	}
	c, err := Open()
	if unix.Setns(own, unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return c, err
}

func openNS(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &OpError{Op: "open " + path, Err: err}
	}
	return fd, nil
}
