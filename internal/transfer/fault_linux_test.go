package transfer

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// A disk that is full ends the file and not the connection; what came is kept, and gone on with when there is room.
func TestDiskFull(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{MountNS: true}) {
		return
	}
	testutil.CheckLeaks(t)
	for _, m := range modes {
		dir, from := t.TempDir(), t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
			t.Fatal(err)
		}
		content := random(1, 12<<20)
		big := write(t, filepath.Join(from, "big"), content)
		small := write(t, filepath.Join(from, "small"), []byte("small"))
		r := startReceiver(t, dir, m.recv)
		got, err := send(t, r.addr, m.send, big, small)
		if err != nil {
			t.Fatal(err)
		}
		if f := got[0]; f.Status != Failed || !strings.Contains(fmt.Sprint(f.Err), "no space left") {
			t.Errorf("%+v", f)
		}
		if f := got[0]; f.Sent == f.Size {
			t.Logf("%s: all of it was sent before the answer came", m.name)
		}
		if got[1].Status != Failed && got[1].Status != Received {
			t.Errorf("%+v", got[1])
		}
		part, err := os.Stat(filepath.Join(dir, "big"+PartSuffix))
		if err != nil || part.Size() == 0 {
			t.Fatal(part, err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=32m"); err != nil {
			t.Fatal(err)
		}
		got, err = send(t, r.addr, m.send, big)
		if err != nil || got[0].Status != Received || got[0].Offset != part.Size() || got[0].Hash != sha256.Sum256(content) {
			t.Errorf("%+v, %v", got, err)
		}
		r.end()
		if err := unix.Unmount(dir, 0); err != nil { // nothing is held open
			t.Error(err)
		}
	}
}

// Permissions are the sender's, as far as the receiver's umask lets them; nobody gets more rights, and none beyond rwx.
func TestPermissions(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{}) { // umask is of the whole process
		return
	}
	for _, umask := range []int{0, 0o022, 0o077} {
		from, to := t.TempDir(), t.TempDir()
		var paths []string
		modes := []os.FileMode{0o644, 0o600, 0o755, 0o444, 0o400, 0o777, 0o666, 0o755 | os.ModeSetuid | os.ModeSticky}
		for i, mode := range modes {
			for _, n := range []int{1, 1 << 20} {
				path := write(t, filepath.Join(from, fmt.Sprint(i, n)), random(1, n))
				if err := os.Chmod(path, mode); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
		}
		unix.Umask(umask)
		// A part of the second one, for everybody to read, from when that file was not private.
		if err := os.WriteFile(filepath.Join(to, fmt.Sprint(1, 1<<20)+PartSuffix), random(1, 1<<19), 0o666); err != nil {
			t.Fatal(err)
		}
		r := startReceiver(t, to, ServeConfig{})
		if _, err := send(t, r.addr, SendConfig{}, paths...); err != nil {
			t.Fatal(err)
		}
		for i, mode := range modes {
			for _, n := range []int{1, 1 << 20} {
				info, err := os.Stat(filepath.Join(to, fmt.Sprint(i, n)))
				if want := mode.Perm() &^ os.FileMode(umask); err != nil || info.Mode() != want {
					t.Errorf("umask %o, %v: %v, want %v", umask, mode, info.Mode(), want)
				}
			}
		}
		r.end()
		unix.Umask(0o022)
	}
}

// An ordinary user's receiver in a folder that is not its own says so, and takes nothing.
func TestDenied(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534}) {
		return
	}
	from, to := t.TempDir(), t.TempDir()
	path := write(t, filepath.Join(from, "f"), []byte("f"))
	hidden := write(t, filepath.Join(from, "folder", "hidden", "x"), nil)
	write(t, filepath.Join(from, "folder", "seen"), nil)
	if err := os.Chmod(to, 0o555); err != nil {
		t.Fatal(err)
	}
	r := startReceiver(t, to, ServeConfig{})
	if got, err := send(t, r.addr, SendConfig{}, path); err != nil || got[0].Status != Failed || !strings.Contains(got[0].Err.Error(), "permission denied") {
		t.Error(got, err)
	}
	if err := os.Chmod(to, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(hidden), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Dir(hidden), 0o755)
	got, err := send(t, r.addr, SendConfig{}, filepath.Join(from, "folder"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range got {
		if want := map[bool]Status{true: Failed, false: Received}[f.Name == "folder/hidden"]; f.Status != want {
			t.Errorf("%+v", f)
		}
	}
	r.end()
}
