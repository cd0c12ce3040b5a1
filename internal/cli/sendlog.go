package cli

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sockeye-net/sockeye/internal/transfer"
	"github.com/sockeye-net/sockeye/internal/view"
)

// transferLog tells of files as they come and go: a line or an object each, and a bar on the terminal.
type transferLog struct {
	env     *Env
	quiet   bool
	format  view.Format
	word    string // for a file that has arrived
	out     *view.Objects
	bar     *transferBar
	began   time.Time
	failure error // of writing

	total         int64 // bytes of all files; 0 is not known
	ended         int64 // bytes of those that are done
	files, failed int
	moved         int64
}

func (e *Env) transferLog(quiet bool, format view.Format, word string) *transferLog {
	l := &transferLog{env: e, quiet: quiet, format: format, word: word, bar: e.transferBar(quiet), began: e.Now()}
	if format != view.Table {
		l.out = view.NewObjects(e.Stdout, view.Options{Format: format, Time: e.Now(), Host: e.Hostname()}, "files")
	}
	return l
}

// expect adds up what is to be sent.
func (l *transferLog) expect(list []transfer.Source) {
	for i := range list {
		l.total += list[i].Size
	}
}

func (l *transferLog) progress(p *transfer.Progress) { l.bar.show(p, l.ended, l.total) }

// done is a file's result. Folders are told of only where something is wrong.
func (l *transferLog) done(r *transfer.Result) {
	l.bar.clear()
	l.moved += r.Sent
	if l.ended += r.Size; !r.Dir && r.Status.OK() {
		l.files++
	}
	if !r.Status.OK() {
		l.failed++
	}
	switch {
	case l.failure != nil:
	case l.out != nil:
		l.object(r)
	case r.Status.OK() && !r.Dir && !l.quiet:
		l.failure = l.env.print(l.line(r) + "\n")
	}
	if !r.Status.OK() && !r.Lost {
		l.env.complain(fmt.Errorf("%s: %w", r.Name, r.Err))
	}
	if r.Grew && r.Status.OK() {
		l.env.note(fmt.Errorf("%s has grown meanwhile; its first %s were sent", r.Name, view.InBytes.Amount(float64(r.Size))))
	}
}

// line is "sent      1.2 MB  name".
func (l *transferLog) line(r *transfer.Result) string {
	word := l.word
	if r.Status == transfer.Same {
		word = "same"
	}
	text := fmt.Sprintf("%-8s %9s  %s", word, view.InBytes.Amount(float64(r.Size)), view.CleanText(r.Name))
	if r.Offset > 0 && r.Status == transfer.Received {
		text += "  from " + view.InBytes.Amount(float64(r.Offset)) + " on"
	}
	return text
}

func (l *transferLog) object(r *transfer.Result) {
	o := l.out
	o.Begin()
	o.Text("name", r.Name)
	o.Text("status", r.Status.String())
	if r.Peer.IsValid() {
		o.Text("remote_addr", r.Peer.Addr().Unmap().String())
		o.Uint("remote_port", uint64(r.Peer.Port()), true)
	} else {
		o.Text("remote_addr", "")
		o.Uint("remote_port", 0, false)
	}
	o.True("folder", r.Dir)
	o.Uint("size", uint64(r.Size), !r.Dir)
	o.Uint("offset", uint64(r.Offset), r.Offset > 0)
	o.Uint("sent", uint64(r.Sent), !r.Dir)
	sum := ""
	if r.Hashed {
		sum = hex.EncodeToString(r.Hash[:])
	}
	o.Text("sha256", sum)
	why := ""
	if r.Err != nil && !r.Status.OK() {
		why = oneLine(r.Err)
	}
	o.Text("error", why)
	if l.failure = o.End(); l.failure == nil && l.format != view.JSON {
		l.failure = o.Flush()
	}
}

// close ends the output.
func (l *transferLog) close() error {
	l.bar.clear()
	if l.out != nil && l.failure == nil {
		l.failure = l.out.Close(nil)
	}
	if l.failure != nil && l.out != nil {
		return writeFailed(l.failure)
	}
	return l.failure
}

// summary is one line about all files. where follows "are". How long it took says something of one sender only.
func (l *transferLog) summary(where string, timed bool) string {
	n := l.files + l.failed
	text := count(n, "file")
	if l.failed > 0 {
		text = fmt.Sprintf("%d of %s", l.files, text)
	}
	are := "are"
	if n == 1 {
		are = "is"
	}
	took := l.env.Now().Sub(l.began)
	text = fmt.Sprintf("%s %s %s: %s moved", text, are, where, view.InBytes.Amount(float64(l.moved)))
	if timed {
		text += " in " + view.Lasted(took)
	}
	if s := took.Seconds(); timed && s > 0 && l.moved > 0 {
		text += ", " + view.InBytes.Rate(float64(l.moved)/s)
	}
	return view.CleanText(text)
}

// transferBar shows on a terminal how far files are, in one line that is drawn again and again, without colours. All of its
// methods may be called on nil, which shows nothing.
type transferBar struct {
	out   *os.File
	width func() int
	now   func() time.Time
	ascii bool

	began time.Time
	first int64 // bytes moved when it began
	drawn time.Time
	shown bool
}

// transferBar is nil where Stderr is no terminal that obeys.
func (e *Env) transferBar(quiet bool) *transferBar {
	f, ok := e.Stderr.(*os.File)
	if quiet || !ok || !term.IsTerminal(int(f.Fd())) || !enableANSI(f) {
		return nil
	}
	width := func() int {
		w, _, _ := term.GetSize(int(f.Fd()))
		return w
	}
	return &transferBar{out: f, width: width, now: e.Now, ascii: !e.unicode()}
}

// show draws the line, unless that was done a moment ago. ended and total are the bytes of files that are done and of all.
func (b *transferBar) show(p *transfer.Progress, ended, total int64) {
	if b == nil {
		return
	}
	now := b.now()
	if b.began.IsZero() {
		b.began, b.first = now, p.Moved
	}
	if now.Sub(b.drawn) < barPause {
		return
	}
	b.drawn, b.shown = now, true
	fmt.Fprintf(b.out, "\r%s\x1b[K", b.line(p, ended, total, now.Sub(b.began), b.width()))
}

// clear takes the line away. The next one is drawn at once.
func (b *transferBar) clear() {
	if b != nil && b.shown {
		fmt.Fprint(b.out, "\r\x1b[K")
		b.shown, b.drawn = false, time.Time{}
	}
}

// maxBarName is how many cells a name gets at most.
const maxBarName = 40

// line leaves the last cells of the terminal free, as fetchBar does.
func (b *transferBar) line(p *transfer.Progress, ended, total int64, took time.Duration, width int) string {
	width = max(width-3, 1)
	done := ended + p.Done
	if total <= 0 || p.Checking {
		done, total = p.Done, p.Size
	}
	done = min(done, total)
	percent := int64(100)
	if total > 0 {
		percent = int64(float64(done) / float64(total) * 100)
	}
	head := fmt.Sprintf("%s  %3d%%", view.Cut(view.CleanText(p.Name), min(maxBarName, max(width-6, 1))), percent)
	for parts := b.parts(p, done, total, took); ; parts = parts[1:] { // what matters least is the first to go
		text := strings.Join(append([]string{head}, parts...), "  ")
		room := width - view.Wide(text) - 2
		switch {
		case room >= barMin:
			return drawBar(done, total, min(room, barMax), b.ascii) + "  " + text
		case room >= -2 && len(parts) == 0:
			return text
		case len(parts) == 0:
			return view.Cut(text, width)
		}
	}
}

// parts are the amount, the rate and the remaining time, as far as they are known.
func (b *transferBar) parts(p *transfer.Progress, done, total int64, took time.Duration) []string {
	parts := []string{view.InBytes.Amount(float64(done)) + " of " + view.InBytes.Amount(float64(total))}
	if p.Checking {
		return append([]string{"comparing what is there"}, parts...)
	}
	if s := took.Seconds(); s >= 0.5 && p.Moved > b.first {
		rate := float64(p.Moved-b.first) / s
		parts = append(parts, view.InBytes.Rate(rate))
		if total > done {
			parts = append(parts, remaining(float64(total-done)/rate)+" left")
		}
	}
	return parts
}

func drawBar(done, total int64, cells int, ascii bool) string {
	full, empty := "█", "░"
	if ascii {
		full, empty = "#", "."
	}
	n := cells
	if total > 0 {
		n = int(float64(done) / float64(total) * float64(cells))
	}
	return strings.Repeat(full, n) + strings.Repeat(empty, cells-n)
}

var errInterrupted = errors.New("interrupted")
