package netlink

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// OpenIn opens a sock_diag socket in the network namespace that the file at path refers to: /proc/PID/ns/net, or a bind
// mount of one, such as /run/netns/NAME. It needs CAP_SYS_ADMIN in that namespace's user namespace and in the caller's
// own. The socket stays in the namespace and keeps it alive; the calling thread is back in its own when OpenIn returns.
func OpenIn(path string) (*Conn, error) { return in(path, Open) }

// OpenRouteIn is OpenIn for rtnetlink.
func OpenRouteIn(path string) (*Conn, error) { return in(path, OpenRoute) }

// in opens something in the network namespace at path.
func in[T any](path string, open func() (T, error)) (v T, err error) {
	target, err := openNS(path)
	if err != nil {
		return v, err
	}
	defer unix.Close(target)
	type result struct {
		v   T
		err error
	}
	done := make(chan result)
	go func() {
		v, err := at(target, open)
		done <- result{v, err}
	}()
	r := <-done
	return r.v, r.err
}

// at moves its thread to another namespace, opens the socket, and moves back. If that fails the thread must not serve
// another goroutine: it stays locked, and ends with the goroutine that it belongs to.
func at[T any](target int, open func() (T, error)) (v T, err error) {
	runtime.LockOSThread()
	own, err := openNS("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return v, err
	}
	defer unix.Close(own)
	if err := unix.Setns(target, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return v, &OpError{Op: "setns", Err: err}
	}
	v, err = open()
	if unix.Setns(own, unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return v, err
}

func openNS(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &OpError{Op: "open " + path, Err: err}
	}
	return fd, nil
}
