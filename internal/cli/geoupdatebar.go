package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sockeye-net/sockeye/internal/geofetch"
	"github.com/sockeye-net/sockeye/internal/view"
)

// fetchBar shows on a terminal how far an update is, in one line that is drawn again and again. It has no colours. All of
// its methods may be called on nil, which shows nothing.
type fetchBar struct {
	out   io.Writer
	width func() int // of the terminal, in cells
	now   func() time.Time
	ascii bool
	name  string

	stage geofetch.Stage
	began time.Time // of the stage
	drawn time.Time
	shown bool
}

const (
	barPause = 100 * time.Millisecond // between two drawings
	barMin   = 8                      // cells
	barMax   = 30
)

// fetchBar is nil where Stderr is no terminal that obeys.
func (e *Env) fetchBar(quiet bool, name string) *fetchBar {
	f, ok := e.Stderr.(*os.File)
	if quiet || !ok || !term.IsTerminal(int(f.Fd())) || !enableANSI(f) {
		return nil
	}
	width := func() int {
		w, _, _ := term.GetSize(int(f.Fd()))
		return w
	}
	return &fetchBar{out: f, width: width, now: e.Now, ascii: !e.unicode(), name: view.CleanText(name)}
}

// show draws the line, unless that was done a moment ago.
func (b *fetchBar) show(p geofetch.Progress) {
	if b == nil {
		return
	}
	now := b.now()
	if b.began.IsZero() || p.Stage != b.stage {
		b.stage, b.began = p.Stage, now
	} else if now.Sub(b.drawn) < barPause {
		return
	}
	b.drawn, b.shown = now, true
	fmt.Fprintf(b.out, "\r%s\x1b[K", b.line(p, now.Sub(b.began), b.width()))
}

// clear takes the line away.
func (b *fetchBar) clear() {
	if b != nil && b.shown {
		io.WriteString(b.out, "\r\x1b[K")
		b.shown = false
	}
}

// line leaves the last cells of the terminal free: some break the line when the last is written to, and so does the "^C" that
// a terminal writes when a person interrupts.
func (b *fetchBar) line(p geofetch.Progress, took time.Duration, width int) string {
	width = max(width-3, 1)
	head := b.name + "  " + stageWords[p.Stage]
	if p.Total > 0 {
		head = fmt.Sprintf("%s %3d%%", head, min(p.Done, p.Total)*100/p.Total)
	}
	for parts := b.parts(p, took); ; parts = parts[1:] { // what matters least is the first to go
		text := strings.Join(append([]string{head}, parts...), "  ")
		room := width - view.Wide(text) - 2
		switch {
		case p.Total > 0 && room >= barMin:
			return b.bar(p, min(room, barMax)) + "  " + text
		case room >= -2 && (p.Total == 0 || len(parts) == 0):
			return text
		case len(parts) == 0:
			return view.Cut(text, width)
		}
	}
}

var stageWords = [...]string{geofetch.Downloading: "fetching", geofetch.Unpacking: "unpacking", geofetch.Checking: "checking"}

// parts are the amount, the rate and the remaining time, as far as they are known.
func (b *fetchBar) parts(p geofetch.Progress, took time.Duration) (parts []string) {
	seconds := took.Seconds()
	if p.Stage == geofetch.Checking {
		return append(parts, view.Count(float64(p.Done))+" ranges")
	}
	amount := view.InBytes.Amount(float64(p.Done))
	if p.Total > 0 {
		amount += " of " + view.InBytes.Amount(float64(p.Total))
	}
	parts = append(parts, amount)
	if seconds < 0.5 || p.Done == 0 {
		return parts
	}
	rate := float64(p.Done) / seconds
	parts = append(parts, view.InBytes.Rate(rate))
	if p.Total > p.Done {
		parts = append(parts, remaining(float64(p.Total-p.Done)/rate)+" left")
	}
	return parts
}

// remaining is a time in minutes and seconds: "0:07", "1:02:03".
func remaining(seconds float64) string {
	s := int64(min(seconds+0.5, 1e9))
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}

func (b *fetchBar) bar(p geofetch.Progress, cells int) string {
	full, empty := "█", "░"
	if b.ascii {
		full, empty = "#", "."
	}
	n := int(min(p.Done, p.Total) * int64(cells) / p.Total)
	return strings.Repeat(full, n) + strings.Repeat(empty, cells-n)
}
