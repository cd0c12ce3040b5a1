package uring

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestCloseLetsGo closes a ring with a poll under way while its thread goes on: what the poll held is free.
func TestCloseLetsGo(t *testing.T) {
	testutil.CheckLeaks(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := New(8, 0, testFlags)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		testutil.Lack(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Allowed(), r.Enable()); err != nil {
		t.Fatal(err)
	}
	r.RegisterSelf()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	s := r.SQE()
	s.Op, s.FD, s.OpFlags = OpPollAdd, int32(fds[0]), unix.POLLIN
	if err := errors.Join(r.Enter(0, true), unix.Close(fds[0]), r.Close()); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, 5*time.Second, func() error { // the kernel does it later
		if _, err := unix.Write(fds[1], []byte("x")); err != unix.EPIPE {
			return errors.New("the pipe has a reader still")
		}
		return nil
	})
}
