package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

const phrase = "correct horse"

// receiver is a Serve that runs for a test.
type receiver struct {
	addr   string
	dir    string
	end    func() error // ends it, and waits
	mu     sync.Mutex
	files  []Result
	closed []error
}

func (r *receiver) results() []Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.files)
}

func (r *receiver) endings() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.closed)
}

func startReceiver(t *testing.T, dir string, cfg ServeConfig) *receiver {
	t.Helper()
	r := &receiver{dir: dir}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	cfg.Done = func(f *Result) { r.mu.Lock(); defer r.mu.Unlock(); r.files = append(r.files, *f) }
	cfg.Closed = func(_ netip.AddrPort, _ int, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.closed = append(r.closed, err)
	}
	if !cfg.Plain && cfg.Passphrase == "" {
		cfg.Passphrase = phrase
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := Serve(ctx, l.(*net.TCPListener), root, &cfg)
		root.Close()
		ended <- err
	}()
	r.end = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { r.end() })
	return r
}

// send sends files, and returns what became of them.
func send(t *testing.T, addr string, cfg SendConfig, paths ...string) ([]Result, error) {
	t.Helper()
	list, err := Sources(paths, func(path, why string) { t.Logf("%s %s", path, why) })
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.Plain && cfg.Passphrase == "" {
		cfg.Passphrase = phrase
	}
	var got []Result
	if cfg.Done == nil {
		cfg.Done = func(r *Result) { got = append(got, *r) }
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err = Send(ctx, addr, list, &cfg)
	if len(got) != len(list) {
		t.Errorf("%d results of %d files", len(got), len(list))
	}
	return got, err
}

func write(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// same compares two trees: what is in them, with content, and, on request, times and permissions.
func same(t *testing.T, got, want string) {
	t.Helper()
	a, b := tree(t, got), tree(t, want)
	for name, text := range b {
		if a[name] != text {
			t.Errorf("%s: %q, want %q", name, a[name], text)
		}
	}
	for name := range a {
		if _, ok := b[name]; !ok {
			t.Errorf("%s is there", name)
		}
	}
}

func tree(t *testing.T, top string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, path)
		if d.IsDir() {
			all[rel] = "folder"
			return nil
		}
		if !d.Type().IsRegular() {
			all[rel] = d.Type().String()
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[rel] = fmt.Sprintf("%d bytes %x %v %v", len(b), sha256.Sum256(b), info.ModTime().Truncate(time.Microsecond).UTC(), info.Mode())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var modes = []struct {
	name string
	send SendConfig
	recv ServeConfig
}{
	{"secret", SendConfig{}, ServeConfig{}},
	{"plain", SendConfig{Plain: true}, ServeConfig{Plain: true}},
}

// sizes are around every limit in the code.
var sizes = []int{0, 1, 100, eagerSize - 1, eagerSize, eagerSize + 1, chunkSize - 1, chunkSize, chunkSize + 1, 2*chunkSize + 7,
	firstSpan - 1, firstSpan, firstSpan + 1, 3*firstSpan + 1, 9<<20 + 13}

func TestTransfer(t *testing.T) {
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			testutil.CheckLeaks(t)
			from, to := t.TempDir(), t.TempDir()
			top := filepath.Join(from, "all sorts")
			for i, n := range sizes {
				write(t, filepath.Join(top, fmt.Sprint(n)), random(uint64(i), n))
			}
			for _, name := range oddNames() {
				path := write(t, filepath.Join(top, "names", name), []byte(name))
				if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 5000)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.MkdirAll(filepath.Join(top, "empty", "in empty"), 0o755); err != nil {
				t.Fatal(err)
			}
			r := startReceiver(t, to, m.recv)
			got, err := send(t, r.addr, m.send, top)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range got {
				if f.Status != Received || f.Err != nil || !f.Dir && (!f.Hashed || f.Sent != f.Size) {
					t.Errorf("%+v", f)
				}
			}
			same(t, to, from)
			again, err := send(t, r.addr, m.send, top)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range again {
				if f.Status != Same || f.Size > eagerSize && f.Sent != 0 {
					t.Errorf("again: %+v", f)
				}
			}
			same(t, to, from)
			if err := r.end(); err != nil {
				t.Error(err)
			}
			if theirs := r.results(); len(theirs) != 2*len(got) {
				t.Errorf("the receiver tells of %d files, not %d", len(theirs), 2*len(got))
			}
			for _, err := range r.endings() {
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func oddNames() []string {
	names := []string{"with spaces", "日本語", "e\u0301 and é", strings.Repeat("x", 255), ".hidden", "-", "a.txt.sockeye-part.txt"}
	if !onWindows {
		names = append(names, "new\nline", "tab\t\x1b[31m", "back\\slash", "C:", "CON", "dot.", "space ", "\xff\xfe", "?*")
	}
	return names
}

// Without force nothing is replaced, whatever its size; with it everything is, but a folder by a file.
func TestExisting(t *testing.T) {
	for _, m := range modes {
		for _, force := range []bool{false, true} {
			for _, n := range []int{10, 1 << 20} {
				t.Run(fmt.Sprint(m.name, force, n), func(t *testing.T) {
					from, to := t.TempDir(), t.TempDir()
					write(t, filepath.Join(to, "same size"), random(1, n))
					write(t, filepath.Join(to, "shorter"), random(2, n-1))
					write(t, filepath.Join(to, "longer"), random(3, n+1))
					write(t, filepath.Join(to, "folder", "in it"), nil)
					write(t, filepath.Join(to, "file"), nil)
					before := tree(t, to)
					var paths []string
					for i, name := range []string{"same size", "shorter", "longer", "folder"} {
						paths = append(paths, write(t, filepath.Join(from, name), random(10+uint64(i), n)))
					}
					write(t, filepath.Join(from, "file", "in it"), nil)
					paths = append(paths, filepath.Join(from, "file"), write(t, filepath.Join(from, "new"), random(9, n)))
					cfg := m.recv
					cfg.Force = force
					r := startReceiver(t, to, cfg)
					got, err := send(t, r.addr, m.send, paths...)
					if err != nil {
						t.Fatal(err)
					}
					after := tree(t, to)
					for _, f := range got {
						want := Refused
						if f.Name == "new" || force && (f.Name == "same size" || f.Name == "shorter" || f.Name == "longer") {
							want = Received
						}
						if f.Status != want || (f.Err == nil) != (want == Received) {
							t.Errorf("%s: %v, %v, want %v", f.Name, f.Status, f.Err, want)
						}
						if place := filepath.FromSlash(f.Name); want == Refused && after[place] != before[place] {
							t.Errorf("%s was changed", f.Name)
						} else if want == Received && !strings.Contains(after[place], fmt.Sprintf("%x", f.Hash)) {
							t.Errorf("%s is %s", f.Name, after[place])
						}
					}
					noParts(t, to)
				})
			}
		}
	}
}

func noParts(t *testing.T, dir string) {
	t.Helper()
	for name := range tree(t, dir) {
		if strings.HasSuffix(name, PartSuffix) {
			t.Errorf("%s is left", name)
		}
	}
}

// A part from before is gone on with if it is the file's, and begun anew if not.
func TestResume(t *testing.T) {
	whole := random(5, 3<<20)
	for _, m := range modes {
		for _, c := range []struct {
			name   string
			part   []byte
			offset int64
		}{
			{"half", whole[:3<<19], 3 << 19},
			{"all but a byte", whole[:len(whole)-1], int64(len(whole) - 1)},
			{"all", whole, int64(len(whole))},
			{"one byte", whole[:1], 1},
			{"nothing", nil, 0},
			{"other content", random(6, 1<<20), 0},
			{"last byte differs", append(slices.Clone(whole[:999]), whole[999]^1), 0},
			{"too long", append(slices.Clone(whole), 1), 0},
		} {
			t.Run(m.name+" "+c.name, func(t *testing.T) {
				from, to := t.TempDir(), t.TempDir()
				path := write(t, filepath.Join(from, "f"), whole)
				write(t, filepath.Join(to, "f"+PartSuffix), c.part)
				r := startReceiver(t, to, m.recv)
				got, err := send(t, r.addr, m.send, path)
				if err != nil {
					t.Fatal(err)
				}
				if f := got[0]; f.Status != Received || f.Offset != c.offset || f.Sent != int64(len(whole))-c.offset || f.Hash != sha256.Sum256(whole) {
					t.Errorf("%+v", f)
				}
				r.end()
				if f := r.results()[0]; f.Offset != c.offset || f.Hash != sha256.Sum256(whole) || f.Sent != int64(len(whole))-c.offset {
					t.Errorf("receiver: %+v", f)
				}
				same(t, to, from)
			})
		}
	}
}

func TestWrongPassphrase(t *testing.T) {
	testutil.CheckLeaks(t)
	from, to := t.TempDir(), t.TempDir()
	path := write(t, filepath.Join(from, "f"), random(1, 1<<20))
	r := startReceiver(t, to, ServeConfig{})
	began := time.Now()
	for range 2 {
		if _, err := send(t, r.addr, SendConfig{Passphrase: "correct house"}, path); !errors.Is(err, ErrPassphrase) {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < guessPause {
		t.Errorf("two guesses took %v", took)
	}
	if _, err := send(t, r.addr, SendConfig{}, path); err != nil {
		t.Error(err)
	}
	same(t, to, from)
	r.end()
	if e := r.endings(); len(e) != 3 || !errors.Is(e[0], ErrGuess) || !errors.Is(e[1], ErrGuess) || e[2] != nil {
		t.Error(e)
	}
	if _, err := send(t, r.addr, SendConfig{Passphrase: "short"}, path); !errors.Is(err, ErrWeak) {
		t.Error(err)
	}
}

// Guesses at once are answered one after the other, and whoever gives up waiting is let go.
func TestGuard(t *testing.T) {
	var g guard
	began := time.Now()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if right, err := g.check(context.Background(), func() bool { return false }); right || err != nil {
				t.Error(right, err)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took < 2*guessPause {
		t.Errorf("three guesses took %v", took)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := g.check(ctx, func() bool { t.Error("a guess out of turn"); return true }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestModesDiffer(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "f"), nil)
	for _, m := range modes {
		r := startReceiver(t, t.TempDir(), m.recv)
		_, err := send(t, r.addr, SendConfig{Plain: !m.send.Plain}, path)
		if !errors.Is(err, ErrMode) {
			t.Errorf("%s: %v", m.name, err)
		}
		testutil.Eventually(t, 10*time.Second, func() error {
			if e := r.endings(); len(e) != 1 || !errors.Is(e[0], ErrMode) {
				return fmt.Errorf("%s: receiver: %v", m.name, e)
			}
			return nil
		})
	}
}

func TestSecret(t *testing.T) {
	for text, want := range map[string]string{
		"LUSAB babad-Gutih": "lusab-babad-gutih", " lusab  babad gutih ": "lusab-babad-gutih",
		"correct Horse-battery": "correct Horse-battery", "cafe\u0301 au lait": "café au lait", "12345678": "12345678",
	} {
		if got, err := secret(text); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1234567", "ééééééé"} {
		if _, err := secret(text); !errors.Is(err, ErrWeak) {
			t.Errorf("%q: %v", text, err)
		}
	}
	seen := make(map[string]bool)
	for range 100 {
		c := NewCode()
		if got, err := secret(strings.ToUpper(c)); err != nil || string(got) != c || seen[c] {
			t.Errorf("%q: %q, %v", c, got, err)
		}
		seen[c] = true
	}
	if w := word(0x7f00); w != "lusab" { // from the paper: 127.0.0.1 is lusab-babad
		t.Error(w)
	}
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	a, b := write(t, filepath.Join(dir, "a", "x"), nil), write(t, filepath.Join(dir, "b", "x"), nil)
	if _, err := Sources([]string{a, b}, nil); err == nil || !strings.Contains(err.Error(), "would both be x") {
		t.Error(err)
	}
	if _, err := Sources([]string{filepath.Join(dir, "none")}, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Sources([]string{write(t, filepath.Join(dir, "y"+PartSuffix), nil)}, nil); err == nil {
		t.Error("a file that is not complete can be sent")
	}
	t.Chdir(filepath.Join(dir, "a"))
	for _, path := range []string{".", "../a", "../a/", filepath.Join(dir, "a")} {
		list, err := Sources([]string{path}, nil)
		if err != nil || len(list) != 2 || list[0].Name != "a" || !list[0].Dir || list[1].Name != "a/x" {
			t.Errorf("%s: %v, %v", path, list, err)
		}
	}
	if _, err := Sources([]string{filepath.VolumeName(dir) + string(filepath.Separator)}, nil); err == nil || !strings.Contains(err.Error(), "no name") {
		t.Error(err)
	}
}

func TestSeveralSenders(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, m := range modes {
		from, to := t.TempDir(), t.TempDir()
		r := startReceiver(t, to, m.recv)
		var all sync.WaitGroup
		for i := range 8 {
			path := write(t, filepath.Join(from, fmt.Sprint(i)), random(uint64(i), 1<<20))
			all.Go(func() {
				if got, err := send(t, r.addr, m.send, path); err != nil || got[0].Status != Received {
					t.Error(got, err)
				}
			})
		}
		all.Wait()
		same(t, to, from)
		r.end()
	}
}

func TestOnce(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	path := write(t, filepath.Join(from, "f"), bytes.Repeat([]byte("x"), 100))
	root, err := os.OpenRoot(to)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(context.Background(), l.(*net.TCPListener), root, &ServeConfig{Passphrase: phrase, Once: true})
	}()
	if _, err := send(t, l.Addr().String(), SendConfig{Passphrase: "wrong passphrase"}, path); !errors.Is(err, ErrPassphrase) {
		t.Error(err) // this one does not count
	}
	if _, err := send(t, l.Addr().String(), SendConfig{}, path); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
