package alert

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestCommandHasNoCapabilities: a server that its unit gives ambient capabilities does not hand them to its commands.
func TestCommandHasNoCapabilities(t *testing.T) {
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{}) {
		return
	}
	cfg, said := testConfig(t)
	dir := t.TempDir()
	raiseAmbient(t)
	t.Setenv("ALERT_DIR", dir)
	teller := commandHere(t, cfg, "note")
	_ = teller.Tell(t.Context(), someNews(history.NewHost))
	if c := closed(t, teller); c.Told != 1 {
		t.Fatalf("%+v %q", c, said.all())
	}
	if !strings.Contains(status(), "CapAmb:\t0000000000080000") {
		t.Error("this process has no ambient capability to hand on")
	}
	if n := readNote(t, dir, 4242); !strings.Contains(n.Status, "CapAmb:\t0000000000000000") {
		t.Error(n.Status)
	}
}

// raiseAmbient gives all threads CAP_SYS_PTRACE as an ambient capability, as a unit does.
func raiseAmbient(t *testing.T) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	data[0].Inheritable |= 1 << unix.CAP_SYS_PTRACE
	_, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	runtime.KeepAlive(&header)
	runtime.KeepAlive(&data)
	if e != 0 {
		t.Skip("capset: ", e)
	}
	_, _, e = syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_SYS_PTRACE, 0, 0, 0)
	if e != 0 {
		t.Skip("prctl: ", e)
	}
}
