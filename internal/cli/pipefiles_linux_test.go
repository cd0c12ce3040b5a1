package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestNameOfFile(t *testing.T) {
	for file, want := range map[string]string{"demo": pipePrefix + "demo", "50%% off": pipePrefix + "50% off", "%.hidden": pipePrefix + ".hidden",
		"%%.x": pipePrefix + "%.x", "%0123456789abcdef0123456789abcdef": "/d/it"} {
		if got := nameOfFile(file, "/d/it"); got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

// TestPipeAt: the file of its server tells a pipe from other sockets; what else is there does not.
func TestPipeAt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info := filepath.Join(dir, ".s.info")
	write := func(text string) {
		if err := os.WriteFile(info, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if f, ok := pipeAt(path); ok {
		t.Errorf("%+v", f)
	}
	write("")
	if f, ok := pipeAt(path); ok {
		t.Errorf("%+v", f)
	}
	write("name=\\\\.\\pipe\\a=b\npid=1\ntype=message\ninstances=7\nwait=1s\nnonsense\n")
	if f, ok := pipeAt(path); !ok || f.Name != pipePrefix+"a=b" || !f.Message || !f.Known || f.Max != 7 || int(f.UID) != os.Getuid() {
		t.Errorf("%+v %v", f, ok)
	}
	os.Remove(info)
	if err := os.Symlink("/etc/passwd", info); err != nil {
		t.Fatal(err)
	}
	if f, ok := pipeAt(path); ok {
		t.Errorf("followed a link: %+v", f)
	}
}
