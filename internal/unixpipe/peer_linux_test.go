package unixpipe

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// A server that is not root, but has the capabilities to be another user, has none of them while it is one, nor those that
// pass over a file's mode.
func TestBecomeWithoutCapabilities(t *testing.T) {
	testutil.NeedRoot(t)
	secret := filepath.Join(testutil.PublicDir(t), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		serverWithCapabilities(t, secret)
	}()
	<-done
}

// serverWithCapabilities changes its thread, which ends with the goroutine.
func serverWithCapabilities(t *testing.T, secret string) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() { // the process's first thread never ends
		done := make(chan struct{})
		go func() {
			defer close(done)
			serverWithCapabilities(t, secret)
		}()
		<-done
		runtime.UnlockOSThread()
		return
	}
	const has = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID | 1<<unix.CAP_DAC_OVERRIDE
	if err := beUser(1001, has); err != nil {
		t.Error(err)
		return
	}
	self, err := Self()
	if err != nil || self.UID != 1001 || self.caps != (effective{has}) {
		t.Errorf("%+v %v", self, err)
		return
	}
	canOpen := func() bool {
		fd, err := unix.Open(secret, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err == nil
	}
	if !canOpen() {
		t.Error("the server's capability has no effect before")
	}
	if changed, err := Become(Who{UID: 1002, GID: 1003, Groups: []uint32{1004}}); !changed || err != nil {
		t.Errorf("Become: %v %v", changed, err)
	}
	if caps, err := effectiveCaps(); caps != (effective{}) || err != nil || unix.Geteuid() != 1002 {
		t.Errorf("as user %d: %x %v", unix.Geteuid(), caps, err)
	}
	if canOpen() {
		t.Error("the client could read what it may not")
	}
	if err := Return(self); err != nil {
		t.Error(err)
	}
	now, err := Self()
	if err != nil || now.UID != self.UID || now.GID != self.GID || !slices.Equal(now.Groups, self.Groups) || now.caps != self.caps {
		t.Errorf("afterwards %+v %v, before %+v", now, err, self)
	}
	if !canOpen() {
		t.Error("the server's capability has no effect afterwards")
	}
}

// beUser makes the calling thread, which is root's, that user's, with the capabilities.
func beUser(id uint32, caps uint32) error {
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	for _, number := range []uintptr{sysSetresgid, sysSetresuid} {
		if _, _, e := unix.RawSyscall(number, uintptr(id), uintptr(id), uintptr(id)); e != 0 {
			return e
		}
	}
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: caps, Permitted: caps}}
	return unix.Capset(&h, &data[0])
}
