package geofetch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"
)

// use opens a file as another program might.
func use(t *testing.T, path string, share uint32) windows.Handle {
	t.Helper()
	p, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	h, err := windows.CreateFile(p, windows.GENERIC_READ, share, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A file that is open for a moment is replaced when it is closed; of one that stays open the error says so.
func TestInUse(t *testing.T) {
	old, b := database(300, 1), database(300, 2)
	s := server(t, sends(b))
	path := install(t, old)
	h := use(t, path, windows.FILE_SHARE_READ)
	if _, err := update1(Source{URL: s.URL, File: path}); err == nil || !strings.Contains(err.Error(), "the file is in use by a program that does not let it be replaced") {
		t.Error(err)
	}
	isWhole(t, path, old)
	time.AfterFunc(moveWait*moveTries/4, func() { windows.CloseHandle(h) })
	updated(t, Source{URL: s.URL, File: path}, quickly)
	isWhole(t, path, b)
}

// A file that is mapped cannot be replaced, but put aside; the next update removes it.
func TestMapped(t *testing.T) {
	old, b := database(300, 1), database(300, 2)
	s := server(t, sends(b))
	path := install(t, old)
	h := use(t, path, windows.FILE_SHARE_READ|windows.FILE_SHARE_DELETE)
	m, err := windows.CreateFileMapping(h, nil, windows.PAGE_READONLY, 0, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := windows.MapViewOfFile(m, windows.FILE_MAP_READ, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	updated(t, Source{URL: s.URL, File: path}, quickly)
	if got := content(t, path); len(got) != len(b) {
		t.Error("not replaced")
	}
	t.Logf("put aside: %q", leftovers(t, path)) // it is mapped, and cannot be removed yet
	if err := windows.UnmapViewOfFile(at); err != nil {
		t.Error(err)
	}
	windows.CloseHandle(m)
	windows.CloseHandle(h)
	updated(t, Source{URL: s.URL, File: path}, Options{Force: true})
	isWhole(t, path, b)
}

// An update that was killed between its two steps is ended by the next one.
func TestPutBack(t *testing.T) {
	old := database(300, 1)
	path := install(t, old)
	aside := filepath.Join(filepath.Dir(path), ".qqwry.dat.sockeye-1"+asideSuffix)
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	if _, err := update1(Source{URL: "http://127.0.0.1:1", File: path}); err == nil {
		t.Error("nobody answers")
	}
	isWhole(t, path, old)
}
