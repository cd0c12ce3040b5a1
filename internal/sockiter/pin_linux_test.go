package sockiter

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// apart runs the test in a mount namespace of its own, with a /run of its own, so that it neither finds nor touches what
// is pinned on this machine.
func apart(t *testing.T) bool {
	t.Helper()
	if !testutil.Isolated(t, testutil.Child{MountNS: true, NetNS: true}) {
		return false
	}
	if err := unix.Mount("none", filepath.Dir(pinDir), "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	needBPF(t, Pin(64, true))
	return true
}

// works holds that an iterator shows a socket of this process.
func works(t *testing.T, what string, it iterator) {
	t.Helper()
	fd, port := listen(t, unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Addr: loopback4})
	if r, ok := mine(t, it, &Want{Ports: []uint16{port}})[fd]; !ok || r.Inode != inode(t, fd) {
		t.Errorf("%s: our listener is %+v (%v)", what, r, ok)
	}
	unix.Close(fd)
}

func pinnedWalker(t *testing.T) *Walker {
	t.Helper()
	w, err := openPinnedWalker(16)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func TestPinned(t *testing.T) {
	if !apart(t) {
		return
	}
	if w, f := Pinned(); !w || !f {
		t.Errorf("walker %v, files %v", w, f)
	}
	w, f := pinnedWalker(t), pinnedFiles()
	works(t, "walker", w)
	works(t, "files", f)
	if _, err := openPinnedWalker(16); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("a second reader: %v", err)
	}
	second, err := OpenWalker(16)
	if err != nil {
		t.Fatal(err)
	}
	works(t, "a second reader's own", second)
	second.Close()
	w.Close()
	if _, err := openPinnedWalker(65); !errors.Is(err, ErrTooMany) {
		t.Errorf("with room for 64, for 65: %v", err)
	}
	works(t, "the next reader", pinnedWalker(t))
}

// TestPinWhileRead pins anew, and unpins, under readers: they go on, and what comes after has what is pinned then.
func TestPinWhileRead(t *testing.T) {
	if !apart(t) {
		return
	}
	testutil.CheckLeaks(t)
	w, f := pinnedWalker(t), pinnedFiles()
	if err := Pin(128, true); err != nil {
		t.Fatal("pinned again while it is read: ", err)
	}
	works(t, "the walker from before", w)
	works(t, "the files from before", f)
	anew := pinnedWalker(t)
	if anew.room != 128 {
		t.Errorf("room for %d", anew.room)
	}
	works(t, "the new walker", anew)
	works(t, "the old one beside it", w)
	if err := Unpin(); err != nil {
		t.Fatal("unpinned while it is read: ", err)
	}
	works(t, "the walker when unpinned", anew)
	if err := f.Run(&Want{}, new(all)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the files when unpinned: %v", err)
	}
	if w, f := Pinned(); w || f {
		t.Errorf("still pinned: walker %v, files %v", w, f)
	}
	if left, _ := filepath.Glob(pinDir + "*"); !slices.Equal(left, []string{pinLock}) {
		t.Errorf("left behind: %v", left)
	}
	if err := Unpin(); err != nil {
		t.Error("unpinned twice: ", err)
	}
}

// TestPinTogether has several pin and unpin at once: each ends well, and one whole set is left, or none.
func TestPinTogether(t *testing.T) {
	if !apart(t) {
		return
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 5 {
				if err := Pin(64, i%2 == 0); err != nil {
					t.Error("pin: ", err)
				}
				if i == 3 {
					if err := Unpin(); err != nil {
						t.Error("unpin: ", err)
					}
				}
			}
		})
	}
	wg.Wait()
	if w, f := Pinned(); w != f {
		t.Errorf("walker %v, files %v", w, f)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if n := strings.Count(string(mounts), " "+pinDir+" "); err != nil || n > 1 {
		t.Errorf("%d mounts at %s, %v", n, pinDir, err)
	}
}

// TestOtherVersions: what another release has pinned is not used, and goes with the rest.
func TestOtherVersions(t *testing.T) {
	if !apart(t) {
		return
	}
	for _, v := range []string{"v1", "v3"} {
		for _, path := range []string{pinFiles, pinRoot + pinWalk, pinRoot + pinRecords, pinRoot + pinControl} {
			fd, err := bpf.OpenPinned(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := fd.Pin(strings.TrimSuffix(path, pinVersion) + v); err != nil {
				t.Fatal(err)
			}
			fd.Close()
		}
	}
	works(t, "this version's", pinnedWalker(t))
	for _, path := range []string{pinFiles, pinRoot + pinWalk, pinRoot + pinRecords, pinRoot + pinControl} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if w, f := Pinned(); w || f {
		t.Errorf("another version's walker %v, files %v", w, f)
	}
	if err := Pin(64, false); err != nil {
		t.Fatal("pinned over other versions: ", err)
	}
	if entries, _ := os.ReadDir(pinRoot); len(entries) != 3 {
		t.Errorf("%v", entries)
	}
}

// TestNoPins: an ordinary file in the place of a pin has no records for us.
func TestNoPins(t *testing.T) {
	if !apart(t) {
		return
	}
	if err := Unpin(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(pinRoot, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pinFiles, pinRoot + pinWalk, pinRoot + pinRecords, pinRoot + pinControl} {
		if err := os.WriteFile(path, make([]byte, fileRecordSize), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if w, f := Pinned(); w || f {
		t.Errorf("walker %v, files %v", w, f)
	}
}

// TestPinRefused: what is pinned stays where the new programs cannot be loaded.
func TestPinRefused(t *testing.T) {
	if !apart(t) {
		return
	}
	if err := Pin(0, true); err == nil {
		t.Fatal("pinned with room for nothing")
	}
	if w, f := Pinned(); !w || !f {
		t.Errorf("walker %v, files %v", w, f)
	}
}

// TestPinOutgrown brings more records than are mapped, and then more than the pinned array holds: the first takes more of
// the array, the second a walker of our own, which leaves the pinned one to the next reader.
func TestPinOutgrown(t *testing.T) {
	if !apart(t) {
		return
	}
	w := pinnedWalker(t)
	var ns unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &ns); err != nil {
		t.Fatal(err)
	}
	want := &Want{NetNS: uint32(ns.Ino)} // what else the machine has is not ours to count
	for _, step := range []struct {
		sockets int
		pinned  bool
	}{{40, true}, {200, false}} {
		var fds []int
		for range step.sockets {
			fd, _ := listen(t, unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Addr: loopback4})
			fds = append(fds, fd)
		}
		got := mine(t, w, want)
		for _, fd := range fds {
			if got[fd].Inode != inode(t, fd) {
				t.Fatalf("%d sockets: descriptor %d is %+v", step.sockets, fd, got[fd])
			}
		}
		if pinned := w.layout == nil; pinned != step.pinned {
			t.Errorf("%d sockets: pinned is %v", step.sockets, pinned)
		}
	}
	works(t, "the next reader", pinnedWalker(t))
}
