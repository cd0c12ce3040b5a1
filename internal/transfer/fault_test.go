package transfer

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// A file that changes while it is sent: nothing that never was the file's content gets its name.
func TestChanging(t *testing.T) {
	testutil.CheckLeaks(t)
	const size, when = 24 << 20, 4 << 20
	content := random(1, size)
	for _, m := range modes {
		for _, c := range []struct {
			name   string
			change func(f *os.File) error
			want   Status
			text   string
		}{
			{"shrinks", func(f *os.File) error { return f.Truncate(when) }, Failed, "shorter"},
			{"vanishes", func(f *os.File) error { return f.Truncate(0) }, Failed, "shorter"},
			{"is written to", func(f *os.File) error { _, err := f.WriteAt([]byte("new"), size-3); return err }, Failed, "changed"},
			{"grows", func(f *os.File) error { _, err := f.WriteAt([]byte("new"), size); return err }, Received, ""},
			{"is removed", func(f *os.File) error { return os.Remove(f.Name()) }, Received, ""},
		} {
			t.Run(m.name+" "+c.name, func(t *testing.T) {
				if onWindows && c.name == "is removed" {
					t.Skip("a file that is open cannot be removed")
				}
				from, to := t.TempDir(), t.TempDir()
				path := write(t, filepath.Join(from, "f"), content)
				old := time.Now().Add(-time.Hour)
				if err := os.Chtimes(path, old, old); err != nil {
					t.Fatal(err)
				}
				next := write(t, filepath.Join(from, "next"), []byte("next"))
				f, err := os.OpenFile(path, os.O_RDWR, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				r := startReceiver(t, to, m.recv)
				cfg := m.send
				changed := false
				cfg.Progress = func(p *Progress) {
					if !changed && p.Done >= when && p.Done < size {
						changed = true
						if err := c.change(f); err != nil {
							t.Error(err)
						}
					}
				}
				got, err := send(t, r.addr, cfg, path, next)
				if err != nil {
					t.Fatal(err)
				}
				if f := got[0]; f.Status != c.want || f.Err != nil != (c.text != "") || f.Err != nil && !strings.Contains(f.Err.Error(), c.text) || f.Grew != (c.name == "grows") {
					t.Errorf("%+v", f)
				}
				if got[1].Status != Received {
					t.Errorf("next: %+v", got[1])
				}
				if c.want != Received {
					if _, err := os.Stat(filepath.Join(to, "f")); err == nil {
						t.Error("it has its name")
					}
				} else if b, err := os.ReadFile(filepath.Join(to, "f")); err != nil || sha256.Sum256(b) != sha256.Sum256(content) {
					t.Errorf("%d bytes, %v", len(b), err)
				}
				r.end()
			})
		}
	}
}

// Files that are gone, or no files, when it is their turn, do not keep the others from being sent.
func TestUnreadable(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	a, b := write(t, filepath.Join(from, "a"), []byte("a")), write(t, filepath.Join(from, "b"), []byte("b"))
	gone := filepath.Join(from, "gone")
	list, err := Sources([]string{a, write(t, gone, nil), b}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(gone), os.Mkdir(gone, 0o755)); err != nil {
		t.Fatal(err)
	}
	r := startReceiver(t, to, ServeConfig{})
	status := make(map[string]Status)
	cfg := &SendConfig{Passphrase: phrase, Done: func(r *Result) { status[r.Name] = r.Status }}
	if err := Send(t.Context(), r.addr, list, cfg); err != nil {
		t.Fatal(err)
	}
	if status["a"] != Received || status["gone"] != Failed || status["b"] != Received {
		t.Error(status)
	}
}

func TestWait(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	path := write(t, filepath.Join(from, "f"), []byte("f"))
	r := startReceiver(t, to, ServeConfig{})
	r.end()
	if _, err := send(t, r.addr, SendConfig{}, path); !errors.Is(err, errRefused) {
		t.Error(err)
	}
	began := time.Now()
	if _, err := send(t, r.addr, SendConfig{Wait: time.Second}, path); !errors.Is(err, errRefused) || time.Since(began) < time.Second {
		t.Error(err, time.Since(began))
	}
}
