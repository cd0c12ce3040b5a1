package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/watch"
)

// InterfaceTable is what the commands need of an *ifstat.Table.
type InterfaceTable interface {
	Read(*ifstat.Snapshot) error
	Close() error
}

// Watcher is what the commands need of a *watch.Watcher.
type Watcher interface {
	Next(context.Context) (*watch.Report, error)
	Partial() []error
	Source() watch.Source
	Usage(watch.By, []watch.Usage) []watch.Usage
	Flows(func(*watch.Flow) bool)
	Interval() time.Duration
	Close() error
}

func openInterfaces(cfg *ifstat.Config) (InterfaceTable, error) { return ifstat.Open(cfg) }

func openWatch(cfg *watch.Config) (Watcher, error) { return watch.Open(cfg) }

// wait sleeps until a time, and gives the context's error when that ends earlier.
func wait(ctx context.Context, until time.Time) error {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// ended reports whether an error only says that the command was asked to end.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// unicode reports whether the locale's characters are UTF-8: locale(7) has the first of these variables that is set count.
// Windows' console is told so by its name.
func (e *Env) unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := e.Getenv(name); v != "" {
			v = strings.ToUpper(v)
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return e.Getenv("SystemRoot") != ""
}

// size is that of the terminal as it is now, in cells; the height is 0 where it is not known.
func (e *Env) size() (width, height int) {
	if e.Size != nil {
		if w, h := e.Size(); w > 0 {
			return w, h
		}
	}
	return e.Width, 0
}

// cut cuts lines to the terminal: what would go on in the next line could not be drawn in place.
func cut(lines []string, width int) []string {
	for i := range lines {
		lines[i] = view.Cut(lines[i], width)
	}
	return lines
}

// readerGone reports whether there is nobody left to write for.
func (e *Env) readerGone() bool { return e.ReaderGone != nil && e.ReaderGone() }

// partials gathers what is missing, and tells each thing once.
type partials struct {
	env  *Env
	said map[string]bool
	list []error
}

// maxPartials bounds what a command that runs for days remembers of what it has said.
const maxPartials = 100

func (p *partials) add(more []error) {
	for _, err := range more {
		text := err.Error()
		if p.said[text] || len(p.said) >= maxPartials {
			continue
		}
		if p.said == nil {
			p.said = make(map[string]bool)
		}
		p.said[text] = true
		p.list = append(p.list, err)
		p.env.note(err)
	}
}

// screen is a part of the terminal that is drawn again and again.
type screen struct {
	env   *Env
	lines int // drawn last
	width int // of the terminal then
}

// draw replaces what was drawn. What has no room in the terminal is left out.
func (s *screen) draw(body, footer []string) error {
	width, height := s.env.size()
	body, footer = clip(body, footer, height-1) // the cursor stands below
	var b []byte
	switch {
	case s.lines > 0 && width < s.width:
		b = append(b, "\x1b[H\x1b[2J"...) // the terminal has broken the lines anew, nobody knows where
	case s.lines > 0:
		b = fmt.Appendf(b, "\x1b[%dA\r", s.lines)
	}
	s.width = width
	s.lines = 0
	for _, part := range [][]string{body, footer} {
		for _, line := range part {
			b = append(append(b, line...), "\x1b[K\n"...)
			s.lines++
		}
	}
	return s.env.print(string(append(b, "\x1b[J"...)))
}

// clip leaves lines out where there are too many: of the footer all but the first, then those at the end of the body.
func clip(body, footer []string, room int) ([]string, []string) {
	if room <= 0 || len(body)+len(footer) <= room {
		return body, footer
	}
	if len(footer) > 1 && room-len(footer) < 3 {
		footer = footer[:1]
	}
	if room -= len(footer); len(body) > room {
		keep := max(room-1, 0)
		body = append(body[:keep:keep], fmt.Sprintf("... and %d more", len(body)-keep))
	}
	return body, footer
}

// failures bounds how often a reading may fail in a row before the command gives up.
type failures struct{ row int }

const maxFailures = 3

// add reports whether it is time to give up.
func (f *failures) add() bool { f.row++; return f.row >= maxFailures }

func (f *failures) reset() { f.row = 0 }

// oneOf finds a word among some.
func oneOf(flag, word string, words []string) error {
	for _, w := range words {
		if w == word {
			return nil
		}
	}
	return fmt.Errorf("--%s is one of %s, not %q", flag, strings.Join(words, ", "), view.CleanText(word))
}
