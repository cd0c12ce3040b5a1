package geofetch

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// small mounts a file system of some pages, with a database of about half of it.
func small(t *testing.T, size int) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		testutil.Lack(t, "needs a tmpfs: "+err.Error())
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return filepath.Join(dir, "qqwry.dat")
}

// On a full disk the old file stays, and the error says what is needed.
func TestFullDisk(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true, MountNS: true}) {
		return
	}
	const size = 512 << 10
	old, b := database(5000, 1), database(30000, 2)
	gz, tgz := gzipped(b), gzipped(tarred(file{"q.dat", b}))
	if room := size - len(old); len(b) < room || len(gz) > room || len(tgz) > room {
		t.Fatalf("%d, %d, %d bytes where there is room for %d show nothing", len(b), len(gz), len(tgz), room)
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		needed  int64
		tried   bool // it was found out by writing
	}{
		{"known length", sends(b), int64(len(b)), false},
		{"unknown length", chunked(b), 0, true},
		{"unpacked", sends(gz), int64(len(b) + len(gz)), false},
		{"from tar", chunked(tgz), int64(len(b) + len(tgz)), false},
	} {
		path := small(t, size)
		if err := os.WriteFile(path, old, 0o644); err != nil {
			t.Fatal(err)
		}
		s := server(t, c.handler)
		_, err := update1(Source{URL: s.URL, File: path})
		var full *NoSpaceError
		if !errors.As(err, &full) || full.Dir != filepath.Dir(path) || full.Needed != c.needed || errors.Is(err, syscall.ENOSPC) != c.tried {
			t.Errorf("%s: %v (%+v)", c.name, err, full)
			continue
		}
		if room := int64(size - len(old)); full.Free < room-3*4096 || full.Free > room {
			t.Errorf("%s: %d bytes free, but there is room for %d", c.name, full.Free, room)
		}
		isWhole(t, path, old)
		s = server(t, sends(database(4000, 3))) // there is room again for one that fits
		updated(t, Source{URL: s.URL, File: path}, quickly)
	}
}

// An ordinary user is told that a folder is not for them to write to, before anything is fetched.
func TestNotWritable(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534}) {
		return
	}
	asked := false
	s := server(t, func(http.ResponseWriter, *http.Request) { asked = true })
	for _, file := range []string{"/usr/share/q.dat", "/proc/none/q.dat", "/usr/share/new/q.dat"} {
		_, err := update1(Source{URL: s.URL, File: file})
		if err == nil || asked || !strings.HasPrefix(file, "/proc") && !strings.Contains(err.Error(), "is not writable for this user") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The new file has the mode and the owner of the old one, and takes the place of what a symbolic link leads to.
func TestModes(t *testing.T) {
	s := server(t, sends(database(100, 1)))
	path := filepath.Join(t.TempDir(), "q.dat")
	mode := func(want os.FileMode) {
		t.Helper()
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%v, %v; want %v", info.Mode(), err, want)
		}
	}
	updated(t, Source{URL: s.URL, File: path}, quickly)
	mode(0o644)
	if err := os.WriteFile(path, database(100, 2), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link.dat")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	root := os.Geteuid() == 0
	if root {
		if err := os.Chown(path, 1234, 4321); err != nil {
			t.Fatal(err)
		}
	}
	if r := updated(t, Source{URL: s.URL, File: link}, quickly); r.File != path {
		t.Errorf("replaced %s", r.File)
	}
	mode(0o640)
	isWhole(t, path, database(100, 1))
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); root && (st.Uid != 1234 || st.Gid != 4321) {
		t.Errorf("it belongs to %d:%d", st.Uid, st.Gid)
	}
	if to, err := os.Readlink(link); err != nil || to != path {
		t.Errorf("the link leads to %s, %v", to, err)
	}
	if _, err := update1(Source{URL: s.URL, File: filepath.Dir(path)}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("in the place of a folder: %v", err)
	}
}
