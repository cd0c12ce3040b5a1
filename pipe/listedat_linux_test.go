package pipe_test

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sockeye-net/sockeye/pipe"
)

// TestListedAt: what its server has written beside it tells a pipe from other sockets; what else is there does not.
func TestListedAt(t *testing.T) {
	dir := t.TempDir()
	real := filepath.Join(dir, "real")
	listen(t, real, &pipe.Config{Type: pipe.Message, MaxInstances: 5})
	if p, ok := pipe.ListedAt(real); !ok || p.Name != real || p.Path != real || p.PID != os.Getpid() || p.Type != pipe.Message ||
		p.MaxInstances != 5 || p.Dead || p.User != strconv.Itoa(os.Getuid()) {
		t.Errorf("%+v %v", p, ok)
	}
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	info := filepath.Join(dir, ".s.info")
	for text, name := range map[string]string{"": "", "type=byte\n": "", "name=\\\\.\\pipe\\a=b\npid=1\nnonsense\n": `\\.\pipe\a=b`, "name=\"a\\nb\"\n": "a\nb"} {
		if err := os.WriteFile(info, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, ok := pipe.ListedAt(path); p.Name != name || ok != (name != "") {
			t.Errorf("%q: %+v %v", text, p, ok)
		}
	}
	os.Remove(info)
	if p, ok := pipe.ListedAt(path); ok {
		t.Errorf("a socket that is no pipe: %+v", p)
	}
	if err := os.Symlink(filepath.Join(dir, ".real.info"), info); err != nil {
		t.Fatal(err)
	}
	if p, ok := pipe.ListedAt(path); ok {
		t.Errorf("followed a link: %+v", p)
	}
}
