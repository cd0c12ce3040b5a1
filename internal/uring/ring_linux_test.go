package uring

import (
	"errors"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

const testFlags = SetupSubmitAll | SetupCoopTaskrun | SetupSingleIssuer | SetupDeferTaskrun | SetupRDisabled

// open makes a ring that this goroutine's thread owns.
func open(t *testing.T, entries int) *Ring {
	t.Helper()
	testutil.CheckLeaks(t)
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	r, err := New(entries, 0, testFlags)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
		testutil.Lack(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Enable(); err != nil {
		t.Fatal(err)
	}
	r.RegisterSelf()
	return r
}

func TestSizes(t *testing.T) {
	for name, c := range map[string]struct{ got, want uintptr }{
		"io_uring_sqe":              {unsafe.Sizeof(SQE{}), 64},
		"sqe.user_data":             {unsafe.Offsetof(SQE{}.UserData), 32},
		"sqe.buf_group":             {unsafe.Offsetof(SQE{}.BufGroup), 40},
		"sqe.file_index":            {unsafe.Offsetof(SQE{}.FileIndex), 44},
		"io_uring_cqe":              {unsafe.Sizeof(CQE{}), 16},
		"io_uring_params":           {unsafe.Sizeof(params{}), 120},
		"params.sq_off":             {unsafe.Offsetof(params{}.sq), 40},
		"params.cq_off":             {unsafe.Offsetof(params{}.cq), 80},
		"io_uring_buf":              {unsafe.Sizeof(bufferEntry{}), 16},
		"io_uring_buf.tail":         {unsafe.Offsetof(bufferEntry{}.tail), 14},
		"io_uring_getevents_arg":    {unsafe.Sizeof(geteventsArg{}), 24},
		"io_uring_getevents_arg.ts": {unsafe.Offsetof(geteventsArg{}.ts), 16},
		"__kernel_timespec":         {unsafe.Sizeof(timespec{}), 16},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, want %d", name, c.got, c.want)
		}
	}
}

// TestNop fills the queue many times over, and takes every result in order.
func TestNop(t *testing.T) {
	r := open(t, 8)
	next := uint64(0)
	for i := uint64(0); i < 1000; {
		for s := r.SQE(); s != nil && i < 1000; s = r.SQE() {
			s.UserData = i
			i++
			if r.Room() == 0 {
				break
			}
		}
		if err := r.Enter(Forever, false); err != nil {
			t.Fatal(err)
		}
		head, tail := r.Results()
		for ; head != tail; head++ {
			if c := r.At(head); c.UserData != next || c.Res != 0 {
				t.Fatalf("result %d of %d: %d", c.UserData, next, c.Res)
			}
			next++
		}
		r.Advance(tail)
	}
	if next != 1000 {
		t.Errorf("%d results", next)
	}
}

func TestEnterTimes(t *testing.T) {
	r := open(t, 8)
	for _, raw := range []bool{true, false} {
		start := time.Now()
		if err := r.Enter(5*time.Millisecond, raw); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 4*time.Millisecond {
			t.Errorf("waited %v", took)
		}
	}
	if err := r.Enter(0, true); err != nil || r.Ready() != 0 {
		t.Error(err, r.Ready())
	}
}

func TestSupports(t *testing.T) {
	r := open(t, 8)
	if missing, err := r.Supports(OpNop, OpAccept, OpRecv); missing != -1 || err != nil {
		t.Errorf("operation %d, %v", missing, err)
	}
	if missing, err := r.Supports(OpNop, 255); missing != 255 || err != nil {
		t.Errorf("operation %d, %v; want 255", missing, err)
	}
}

// TestBuffers receives into a pool that is smaller than what comes: each buffer is used again and again.
func TestBuffers(t *testing.T) {
	r := open(t, 8)
	b, err := r.NewBuffers(4, 32, 7)
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	for i := range 50 {
		if _, err := unix.Write(fds[1], []byte{byte(i), 1, 2}); err != nil {
			t.Fatal(err)
		}
		s := r.SQE()
		s.Op, s.FD, s.Flags, s.BufGroup = OpRecv, int32(fds[0]), SQEBufferSelect, 7
		if err := r.Enter(Forever, false); err != nil {
			t.Fatal(err)
		}
		head, tail := r.Results()
		c := r.At(head)
		if tail-head != 1 || c.Res != 3 || c.Flags&CQEBuffer == 0 {
			t.Fatalf("round %d: %d results, %d, %#x", i, tail-head, c.Res, c.Flags)
		}
		id := uint16(c.Flags >> CQEShift)
		if got := b.Bytes(id, 3); got[0] != byte(i) || got[2] != 2 || cap(got) != 32 {
			t.Errorf("round %d: %v", i, got)
		}
		r.Advance(tail)
		b.Give(id)
		b.Publish()
	}
}

func TestNewErrors(t *testing.T) {
	if _, err := New(8, 0, 1<<31); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EPERM) {
		t.Errorf("a flag that nobody knows: %v", err)
	}
}
