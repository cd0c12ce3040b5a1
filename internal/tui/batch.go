package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
)

// BatchOptions say how rows are written that no screen shows.
type BatchOptions struct {
	Format   view.Format
	Count    int // readings, then end; 0 is until the context ends
	Rows     int // at most of each reading; 0 is all
	NoHeader bool
	Width    int // cells that a line may take; 0 is no bound
	Note     func(error)
	Gone     func() bool // nobody reads any more
}

// batch is a Batch on its way.
type batch struct {
	*Model
	BatchOptions
	w     Watcher
	links ifstat.Snapshot
	out   io.Writer
	objs  *view.Objects
	said  map[string]bool
	buf   bytes.Buffer
	wrote int
}

// Batch writes the rows of the view after each reading but the first, which has no rates. It ends when the context does, which
// is no error.
func Batch(ctx context.Context, opt Options, how BatchOptions, out io.Writer) (err error) {
	opt.Theme = PlainTheme
	m, err := New(opt)
	if err != nil {
		return err
	}
	b := &batch{Model: m, BatchOptions: how, out: out, said: make(map[string]bool)}
	m.tree = false
	if m.width = how.Width; m.width == 0 {
		m.width = 1 << 20
	}
	if b.w, err = opt.Open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.w.Close()) }()
	if how.Format != view.Table {
		b.objs = view.NewObjects(out, view.Options{Format: how.Format, NoHeader: how.NoHeader, Time: opt.Now(), Host: opt.Host}, "readings")
	}
	b.note(b.w.Partial())
	b.Take(nil, b.w, b.readLinks())
	return b.end(b.run(ctx))
}

func (b *batch) run(ctx context.Context) error {
	for failed := 0; ; {
		report, err := b.w.Next(ctx)
		switch {
		case finished(err) == nil && err != nil:
			return nil
		case err != nil:
			if failed++; failed >= maxFailures {
				return err
			}
			b.note([]error{err})
			continue
		case report.Elapsed == 0:
			continue
		}
		failed = 0
		b.note(report.Partial)
		b.Take(report, b.w, b.readLinks())
		b.learn()
		if err := b.write(); err != nil {
			return err
		}
		if b.wrote++; b.wrote == b.Count || b.Gone != nil && b.Gone() {
			return nil
		}
	}
}

func (b *batch) readLinks() *ifstat.Snapshot {
	if b.opt.Links == nil || b.opt.Links.Read(&b.links) != nil {
		return nil
	}
	return &b.links
}

// learn does at once what a screen has done beside it.
func (b *batch) learn() {
	for b.kind == Processes {
		jobs := b.Jobs()
		if len(jobs) == 0 {
			return
		}
		for _, j := range jobs {
			j()(b.Model)
		}
	}
}

// maxSaid bounds what is remembered of what was said.
const maxSaid = 100

func (b *batch) note(list []error) {
	for _, err := range list {
		if text := err.Error(); !b.said[text] && len(b.said) < maxSaid && b.Note != nil {
			b.said[text] = true
			b.Note(err)
		}
	}
}

func (b *batch) write() error {
	if b.objs != nil {
		if err := b.WriteRows(b.objs, b.Format, b.Rows); err != nil {
			return err
		}
		return b.objs.Flush()
	}
	b.buf.Reset()
	b.text()
	_, err := b.out.Write(b.buf.Bytes())
	return err
}

func (b *batch) end(err error) error {
	if b.objs == nil {
		return err
	}
	missing := b.partial
	if err != nil {
		missing = append(missing[:len(missing):len(missing)], err)
	}
	return errors.Join(err, b.objs.Close(missing))
}

// text writes the table of a reading, under a line that says when it was made.
func (b *batch) text() {
	rows := b.page().rows
	if b.Rows > 0 && len(rows) > b.Rows {
		rows = rows[:b.Rows]
	}
	b.lay(rows)
	if !b.NoHeader {
		if b.wrote > 0 {
			b.buf.WriteByte('\n')
		}
		fmt.Fprintf(&b.buf, "sockeye top  %s  %s  %s  %s  %s: %d of %d\n", view.CleanText(b.opt.Host), b.at.Format(time.DateTime),
			plural(b.tally[0], "connection"), plural(b.tally[1], "listener"), b.kind, len(rows), len(b.page().rows))
		b.line("  ", func(c *place) []byte { return []byte(c.header) })
	}
	for i, r := range rows {
		mark, _ := b.mark(r)
		b.line(mark, func(c *place) []byte { return c.cell(i) })
	}
}

func (b *batch) line(mark string, cell func(*place) []byte) {
	line := []byte(mark)
	at := marks
	for i := range b.layout.placed {
		c := &b.layout.placed[i]
		if c.dropped {
			continue
		}
		text := c.trim(nil, cell(c))
		n := wide(text)
		pad := c.x - at
		if c.right {
			pad += max(0, c.width-n)
		}
		line = append(append(line, bytes.Repeat([]byte(" "), max(0, pad))...), text...)
		at += pad + n
	}
	b.buf.Write(bytes.TrimRight(line, " "))
	b.buf.WriteByte('\n')
}

// plural is "1 listener" or "2 listeners".
func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
