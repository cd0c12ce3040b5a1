package pipe_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

// A connection that is closed, or accepted, by who impersonates its client leaves the listener the server's, and its number
// of clients what it is.
func TestCloseWhileImpersonating(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.CheckLeaks(t)
	path := filepath.Join(testutil.PublicDir(t), "s")
	l := listen(t, path, &pipe.Config{Access: pipe.Access{Everyone: true}, MaxInstances: 3, Backlog: 3})
	asClient := func() {
		t.Helper()
		if err := asUser(1001, 1001, nil, func() error {
			c, err := pipe.Dial(background, path, &pipe.DialConfig{Wait: 10 * time.Second})
			if err == nil {
				t.Cleanup(func() { c.Close() })
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	isServers := func(when string) {
		t.Helper()
		c, err := pipe.Dial(background, path, &pipe.DialConfig{ServerUser: "0", Wait: 10 * time.Second})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		accept(t, l).Close()
		c.Close()
	}
	asClient()
	s := accept(t, l)
	if err := s.Impersonate(s.Close); err != nil {
		t.Fatal(err)
	}
	isServers("closed")
	asClient()
	s = accept(t, l)
	asClient()
	if err := s.Impersonate(func() error { accept(t, l); return nil }); err != nil {
		t.Fatal(err)
	}
	isServers("accepted")
}

// A server that is killed after it has taken its name, and before it has told it, is listed by its file's name.
func TestListNameless(t *testing.T) {
	for _, name := range []string{newName(), `\\.\pipe\.%41 a%.b`} {
		cmd := startServer(t, name)
		p, ok := findListed(t, name)
		if !ok || p.PID != cmd.Process.Pid {
			t.Fatalf("%s: %+v", name, p)
		}
		cmd.Process.Kill()
		cmd.Wait()
		dir, file := filepath.Split(p.Path)
		if err := os.Remove(dir + "." + file + ".info"); err != nil {
			t.Fatal(err)
		}
		if p, ok := findListed(t, name); !ok || !p.Dead || p.PID != 0 {
			t.Errorf("%s: %+v", name, p)
		}
		removeDead(name)
	}
}
