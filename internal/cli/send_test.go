package cli

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/transfer"
	"github.com/sockeye-net/sockeye/internal/view"
)

// Command lines that cannot be, each answered in one line.
func TestTransferUsage(t *testing.T) {
	w := newWorld(t)
	for line, want := range map[string]string{
		"send":                                      "send needs files and then the receiver",
		"send file":                                 "send needs files and then the receiver",
		"send - h:1":                                "send sends files, not standard input",
		"send --plain f nowhere":                    `the last argument is the receiver, HOST:PORT, not "nowhere"`,
		"send --plain f h:0":                        `the last argument is the receiver, HOST:PORT, not "h:0"`,
		"send --idle 1ms f h:1":                     "--idle is at least 1s",
		"send --wait=-1s f h:1":                     "cannot be negative",
		"send --json --csv f h:1":                   "exclude each other",
		"send --plain f h:1":                        "there is no file",
		"recv --plain --passphrase-file x":          "--plain and --passphrase-file exclude each other",
		"recv":                                      "--listen is [ADDR:]PORT",
		"recv --listen nowhere":                     `not "nowhere"`,
		"recv --listen 0 --dir no/folder":           "--dir: there is no folder no/folder",
		"recv --listen 0 --max 0":                   "--max is at least 1",
		"recv --listen 0 file":                      "unknown command",
		"recv --passphrase-file no/file":            "there is no file",
		"echo":                                      "--addr is [ADDR:]PORT",
		"echo --addr 0 --backend kqueue":            `not "kqueue"`,
		"echo --addr 0 --workers=-1":                "cannot be negative",
		"echo --addr 0 --idle=-1s":                  "cannot be negative",
		"echo --addr 0 --first-block=-1s":           "cannot be negative",
		"echo --addr 0 --goroutines=-1 x":           "unknown command",
		"send --passphrase-file no/file cli.go h:1": "there is no file",
	} {
		w.out.Reset()
		w.err.Reset()
		if code := w.run(line); code != 2 || w.out.Len() > 0 {
			t.Errorf("sockeye %s: exit %d, %q", line, code, &w.out)
		}
		text := w.err.String()
		if !strings.Contains(text, want) || strings.Count(text, "\n") != 1 {
			t.Errorf("sockeye %s says %q, want %q", line, text, want)
		}
	}
}

func TestPassphrase(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "p")
	for content, want := range map[string]string{
		"long enough":             "long enough",
		"with a newline\n":        "with a newline",
		"of windows\r\nmore\r\n":  "of windows",
		" spaces are kept \n":     " spaces are kept ",
		"short\n":                 "",
		"":                        "",
		"\nsecond line":           "",
		strings.Repeat("x", 4097): "",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := w.passphrase(context.Background(), file, "?"); want != "" && (err != nil || got != want) || want == "" && err == nil {
			t.Errorf("%.20q: %q, %v", content, got, err)
		}
	}
	w.vars[envPassphrase] = "from the environment"
	if got, err := w.passphrase(context.Background(), "", "?"); err != nil || got != "from the environment" {
		t.Error(got, err)
	}
	w.vars[envPassphrase] = ""
	if got, err := w.passphrase(context.Background(), "", ""); err != nil || got != "" {
		t.Error(got, err)
	}
	if _, err := w.passphrase(context.Background(), "", "?"); !errors.Is(err, errNoPassphrase) {
		t.Error(err)
	}
}

// The bar tells what fits, never more, down to a terminal of one cell.
func TestTransferBar(t *testing.T) {
	b := &transferBar{}
	p := &transfer.Progress{Name: "holiday pictures.zip", Done: 250e6, Size: 1e9, Moved: 250e6}
	for width, want := range map[int]string{
		120: "████████░░░░░░░░░░░░░░░░░░░░░░  holiday pictures.zip   26%  350 MB of 1.3 GB  25.0 MB/s  0:38 left",
		80:  "██░░░░░░░  holiday pictures.zip   26%  350 MB of 1.3 GB  25.0 MB/s  0:38 left",
		40:  "██░░░░░░░  holiday pictures.zip   26%",
		30:  "holiday pictures.zip   26%",
		20:  "holiday pi…   26%",
		1:   "…",
	} {
		got := b.line(p, 100e6, 1300e6, 10*time.Second, width)
		if view.Wide(got) > max(width-3, 1) {
			t.Errorf("%d cells: %q", width, got)
		}
		if got != want {
			t.Errorf("%d cells: %q, want %q", width, got, want)
		}
	}
	p.Checking = true
	if got := b.line(p, 0, 0, time.Second, 100); !strings.Contains(got, "comparing what is there  250 MB of 1.0 GB") {
		t.Error(got)
	}
	ascii := &transferBar{ascii: true}
	if got := ascii.line(&transfer.Progress{Name: "\x1b[31m\n", Done: 0, Size: 0}, 0, 0, 0, 80); strings.ContainsAny(got, "\x1b\n█") || !strings.Contains(got, "100%") {
		t.Errorf("%q", got)
	}
	var none *transferBar
	none.show(p, 0, 0)
	none.clear()
}

// What is written of files: lines, errors, and objects.
func TestTransferLog(t *testing.T) {
	peer := netip.MustParseAddrPort("[::ffff:192.0.2.1]:9000")
	results := []transfer.Result{
		{Peer: peer, Name: "a", Size: 1500, Sent: 1500, Status: transfer.Received, Hashed: true},
		{Peer: peer, Name: "b\x1b", Size: 5e6, Offset: 2e6, Sent: 3e6, Status: transfer.Received},
		{Peer: peer, Name: "c", Size: 10, Status: transfer.Same},
		{Peer: peer, Name: "d", Dir: true, Status: transfer.Received},
		{Peer: peer, Name: "e", Size: 7, Status: transfer.Refused, Err: errors.New("it is\nthere")},
		{Peer: peer, Name: "f", Size: 8, Status: transfer.Failed, Err: transfer.ErrBroken, Lost: true},
		{Name: "g", Size: 9, Status: transfer.Received, Grew: true},
	}
	w := newWorld(t)
	log := w.transferLog(false, view.Table, "sent")
	for i := range results {
		log.done(&results[i])
	}
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
	golden(t, "transfer.txt", w.out.String()+log.summary("at box:9000", true)+"\n--\n"+w.err.String())
	w = newWorld(t)
	log = w.transferLog(false, view.JSONL, "sent")
	for i := range results {
		log.done(&results[i])
	}
	if err := log.close(); err != nil {
		t.Fatal(err)
	}
	golden(t, "transfer.jsonl", w.out.String())
	w = newWorld(t)
	full := errors.New("full")
	w.Stdout = fullDisk{full}
	log = w.transferLog(false, view.Table, "sent")
	log.done(&results[0])
	log.done(&results[1])
	if err := log.close(); !errors.Is(err, full) {
		t.Error(err)
	}
}
