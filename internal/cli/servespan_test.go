package cli

import (
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestExtent: the file is not opened for every status, and what can change at any moment is not remembered.
func TestExtent(t *testing.T) {
	r := &recording{env: realEnv(io.Discard, io.Discard), path: recorded(t)}
	first := r.status()
	if first.From.IsZero() || first.Size == 0 || first.Recording {
		t.Fatalf("%+v", first)
	}
	if err := os.Rename(r.path, r.path+".away"); err != nil {
		t.Fatal(err)
	}
	r.known.read = time.Now() // whatever the machine was busy with since
	r.running(now)
	r.tell(os.ErrDeadlineExceeded)
	if s := r.status(); s.From != first.From || s.Size != first.Size || !s.Recording || s.Trouble != os.ErrDeadlineExceeded.Error() || s.Began != now {
		t.Errorf("at once: %+v", s)
	}
	r.known.read = time.Now().Add(-extentAge)
	if s := r.status(); !s.From.IsZero() || s.Size != 0 {
		t.Errorf("later: %+v", s)
	}
}

// BenchmarkStatus is what each status and each viewer's hello costs.
func BenchmarkStatus(b *testing.B) {
	r := &recording{env: realEnv(io.Discard, io.Discard), path: recorded(b)}
	for b.Loop() {
		r.status()
	}
}

// TestServeLeavesPlaces: a test that names no history makes none, neither in the user's place nor in the machine's.
func TestServeLeavesPlaces(t *testing.T) {
	if text := serveWith(t, nil).ask("status"); !strings.Contains(text, "history   "+filepath.Join(os.DevNull, "history.db")) || !strings.Contains(text, "not recording") {
		t.Error(text)
	}
}

// TestServeLaterHistory: the file of a later sockeye is one line, no server where it was named, and stays as it is.
func TestServeLaterHistory(t *testing.T) {
	file := later(t)
	before := folderText(t, file)
	const says = "the history was written by a later sockeye"
	code, out, errs := run(nil, "serve", "--addr", "127.0.0.1:0", "--pipe", "", "--method", "poll", "--history", file)
	if code != exitUnknown || out != "" || !strings.Contains(errs, says) || strings.Count(errs, "\n") != 1 {
		t.Errorf("named: %d %q %q", code, out, errs)
	}
	s := serveWith(t, map[string]string{"SOCKEYE_HISTORY": file})
	if text := s.ask("status"); !strings.Contains(text, "not recording") || !strings.Contains(text, says) {
		t.Errorf("status: %s", text)
	}
	time.Sleep(firstRetry + firstRetry/2) // in which nothing is tried again
	if n := strings.Count(s.errs.String(), says); n != 1 {
		t.Errorf("it is said %d times: %s", n, s.errs)
	}
	s.ask("stop")
	s.done <- <-s.done
	if after := folderText(t, file); after != before {
		names, _ := filepath.Glob(file + "*")
		t.Errorf("the history's folder is not as it was: %d bytes, then %d: %v", len(before), len(after), names)
	}
}

// later is a history with the schema of a later sockeye: user_version of SQLite's header (sqlite.org/fileformat.html).
func later(t *testing.T) string {
	t.Helper()
	file := recorded(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(text[60:], 99)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// folderText is the names and contents of a history's folder, but for the lock and what SQLite makes for reading: an empty log and
// its index.
func folderText(t *testing.T, file string) (text string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if suffix := filepath.Ext(name); suffix == ".lock" || suffix == ".db-shm" || suffix == ".db-wal" && len(body) == 0 {
			continue
		}
		text += filepath.Base(name) + "\n" + string(body) + "\n"
	}
	return text
}
