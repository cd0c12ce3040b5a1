package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestMain is the service itself where the service manager starts this program as it would start sockeye.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "serve" && os.Args[2] == "--"+asService {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestService: install makes a service that serves and records with the flags that were given, status talks to it, uninstall ends
// and removes it.
func TestService(t *testing.T) {
	m, err := mgr.Connect()
	if err != nil {
		testutil.Lack(t, "an Administrator: "+err.Error())
	}
	defer m.Disconnect()
	if s, err := m.OpenService(serviceName); err == nil {
		s.Close()
		testutil.Lack(t, "a machine without this service")
	}
	file, name := filepath.Join(t.TempDir(), "h.db"), pipeName(t)
	t.Cleanup(func() { _ = realEnv(io.Discard, io.Discard).uninstall() })
	code, out, errs := run(nil, "serve", "install", "--addr", "127.0.0.1:0", "--pipe", name, "--history", file, "--method", "poll", "--alert-kinds", "program,asn")
	if code != exitFound || !strings.Contains(out, "installed and started") {
		t.Fatalf("install: %d %s %s", code, out, errs)
	}
	s := &serving{pipe: name}
	var st controlStatus
	testutil.Eventually(t, 20*time.Second, func() error {
		text := s.ask("status", "--json")
		if err := json.Unmarshal([]byte(text), &st); err != nil || st.History == nil || !st.History.Recording {
			return fmt.Errorf("%v: %s", err, text)
		}
		return nil
	})
	if st.PID == os.Getpid() || st.History.File != file {
		t.Errorf("%+v", st)
	}
	if code, _, errs := run(nil, "serve", "install"); code != exitUnknown || !strings.Contains(errs, "is there already") {
		t.Errorf("again: %d %s", code, errs)
	}
	if code, out, errs := run(nil, "serve", "uninstall"); code != exitFound || !strings.Contains(out, "ended and removed") {
		t.Errorf("uninstall: %d %s %s", code, out, errs)
	}
	if code, _, errs := run(nil, "serve", "uninstall"); code != exitNotFound || !strings.Contains(errs, "no such service") {
		t.Errorf("again: %d %s", code, errs)
	}
	if code, out, errs := run(nil, "history", "--file", file, "-l", "--jsonl"); code != exitFound || out == "" {
		t.Errorf("what it recorded: %d %s %s", code, out, errs)
	}
}

// TestServiceDoesNotStart: a service that ends at once is said to, and is not left behind.
func TestServiceDoesNotStart(t *testing.T) {
	m, err := mgr.Connect()
	if err != nil {
		testutil.Lack(t, "an Administrator: "+err.Error())
	}
	defer m.Disconnect()
	t.Cleanup(func() { _ = realEnv(io.Discard, io.Discard).uninstall() })
	code, _, errs := run(nil, "serve", "install", "--addr", "127.0.0.1:0", "--pipe", pipeName(t), "--history", filepath.Join(t.TempDir(), "nothing", "h.db"))
	if code != exitUnknown || !strings.Contains(errs, "it has ended") {
		t.Errorf("%d %s", code, errs)
	}
	if s, err := m.OpenService(serviceName); err == nil {
		s.Close()
		t.Error("the service is left behind")
	} else if !errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		t.Error(err)
	}
}

// TestServiceByHand: the flag is not for people.
func TestServiceByHand(t *testing.T) {
	if code, _, errs := run(nil, "serve", "--"+asService); code != exitUnknown || !strings.Contains(errs, "is for the service manager") {
		t.Errorf("%d %s", code, errs)
	}
}

// TestPrivateFolder: in the machine's folder only the system and administrators may read what is made.
func TestPrivateFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "history")
	for range 2 {
		if err := privateFolder(dir); err != nil {
			t.Fatal(err)
		}
	}
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		t.Fatal(err)
	}
	text := sd.String()
	t.Log(text)
	for _, everyone := range []string{";;;WD)", ";;;BU)", ";;;AU)"} {
		if strings.Contains(text, everyone) {
			t.Errorf("%s is in %s", everyone, text)
		}
	}
}

// TestMachineHistory: a service records where administrators look.
func TestMachineHistory(t *testing.T) {
	vars := map[string]string{"ProgramData": `C:\ProgramData`, "LocalAppData": `C:\W\config`}
	get := machineHistory(func(k string) string { return vars[k] })
	if got := get("SOCKEYE_HISTORY"); got != `C:\ProgramData\sockeye\history\history.db` || get("LocalAppData") != `C:\W\config` {
		t.Error(got)
	}
	vars["SOCKEYE_HISTORY"] = `D:\x`
	if got := get("SOCKEYE_HISTORY"); got != `D:\x` {
		t.Error(got)
	}
}
