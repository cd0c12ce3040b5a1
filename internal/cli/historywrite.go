package cli

import (
	"context"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// write answers, in the form that is wanted.
func (r *historyRun) write(ctx context.Context) error {
	opt := view.Options{Format: r.format, NoHeader: r.flags.noHeader, Time: r.env.Now(), Host: r.env.Hostname()}
	s := &sheet{env: r.env, header: !r.flags.noHeader, now: opt.Time}
	ask := r.choose()
	if r.format != view.Table {
		s.out = view.NewObjects(r.env.Stdout, opt, ask.array)
		s.objects = objectColumns(r.format)
	} else {
		s.grid = view.NewGrid(ask.columns)
	}
	err := ask.run(ctx, s)
	r.found = s.rows
	return s.end(err, append(r.holes, r.told...))
}

// asking is a kind of question: how its answers are called and shown.
type asking struct {
	array   string
	columns []view.GridColumn
	run     func(context.Context, *sheet) error
}

func (r *historyRun) choose() asking {
	f := r.flags
	switch {
	case f.news:
		return asking{"news", newsColumns, r.writeNews}
	case f.links:
		return asking{"interfaces", linkColumns, r.writeLinks}
	case f.by != "":
		return asking{"groups", groupColumns(f.by), r.writeGroups}
	case r.query.Listeners:
		return asking{"listeners", listenerColumns, r.writeLives}
	}
	return asking{"connections", lifeColumns, r.writeLives}
}

// sheet gathers answers: as objects, which are written at once, or as the rows of a table.
type sheet struct {
	env     *Env
	now     time.Time
	out     *view.Objects
	objects []*view.Column // of a socket
	grid    *view.Grid
	cells   [][]string
	header  bool
	rows    int
}

// sheetRows is how many rows of a table are held back to find the widths of columns.
const sheetRows = 500

// row adds a row of a table.
func (s *sheet) row(cells ...string) error {
	s.rows++
	if s.cells = append(s.cells, cells); len(s.cells) < sheetRows {
		return nil
	}
	return s.print()
}

func (s *sheet) print() error {
	if len(s.cells) == 0 {
		return nil
	}
	width := 0
	if s.env.Terminal {
		width, _ = s.env.size()
	}
	lines := s.grid.Lines(s.cells, width, s.header)
	s.cells, s.header = s.cells[:0], false
	return s.env.printLines(lines)
}

// object ends an object.
func (s *sheet) object() error {
	s.rows++
	if err := s.out.End(); err != nil {
		return writeFailed(err)
	}
	return nil
}

// end ends the output in any case, so that a JSON document is whole.
func (s *sheet) end(err error, partial []error) error {
	if s.out == nil {
		if werr := s.print(); err == nil {
			err = werr
		}
		return err
	}
	if err != nil {
		partial = append(slices.Clone(partial), err)
	}
	if werr := s.out.Close(partial); werr != nil {
		return writeFailed(werr)
	}
	return err
}

// objectColumns are a socket's fields, as those of an event are.
func objectColumns(f view.Format) []*view.Column {
	return view.EventColumns(f, view.Needs{Module: true, User: true, Geo: true})
}

var lifeColumns = []view.GridColumn{{Header: "OPENED"}, {Header: "LASTED", Right: true}, {Header: "PROTO", Drop: 4}, {Header: "LOCAL", Shrink: 14},
	{Header: "REMOTE", Shrink: 14}, {Header: "PROCESS", Shrink: 10}, {Header: "PLACE", Shrink: 10, Drop: 3}, {Header: "RX", Right: true, Drop: 1}, {Header: "TX", Right: true, Drop: 1}, {Header: "NOTE", Shrink: 6, Drop: 2}}

var listenerColumns = []view.GridColumn{{Header: "OPENED"}, {Header: "CLOSED"}, {Header: "PROTO", Drop: 1}, {Header: "LOCAL", Shrink: 14},
	{Header: "PROCESS", Shrink: 10}, {Header: "UNIT", Shrink: 10, Drop: 3}, {Header: "NOTE", Shrink: 6, Drop: 2}}

func (r *historyRun) writeLives(ctx context.Context, s *sheet) error {
	return r.reader.Lives(ctx, r.query, func(l *history.Life) error {
		if s.out != nil {
			return r.lifeObject(s, l)
		}
		sock := &l.Socket
		opened := stamp(l.Opened, s.now)
		text := func(column string) string { return columnText(r.names, column, sock) }
		if r.query.Listeners {
			closed := "listens"
			if !l.Open {
				closed = stamp(l.Closed, s.now)
			}
			return s.row(opened, closed, sock.Proto.String(), text("local"), text("owners"), text("module"), note(l))
		}
		return s.row(opened, view.Lasted(l.Closed.Sub(l.Opened)), sock.Proto.String(), text("local"), text("remote"), text("owners"), text("place"),
			amount(l.Bytes, l.Bytes.Received), amount(l.Bytes, l.Bytes.Sent), note(l))
	})
}

func amount(b watch.Bytes, n uint64) string {
	if b.Basis == watch.NotCounted {
		return "?"
	}
	return view.InBytes.Amount(float64(n))
}

// note says what is particular about a life.
func note(l *history.Life) (text string) {
	add := func(on bool, more string) {
		if on && text != "" {
			text += ", "
		}
		if on {
			text += more
		}
	}
	add(l.Open && l.Socket.State != netstat.Listen, "open")
	add(l.Flags&history.Incoming != 0, "in")
	add(l.Flags&history.OpenedBefore != 0, "began before")
	add(l.Flags&history.Inferred != 0, "known by its end only")
	add(l.Flags&history.EndUnknown != 0, "end not recorded")
	return text
}

func (r *historyRun) lifeObject(s *sheet, l *history.Life) error {
	o := s.out
	o.Begin()
	o.Time("opened", l.Opened.In(s.now.Location()))
	o.True("opened_before", l.Flags&history.OpenedBefore != 0)
	closed, seen := l.Closed.In(s.now.Location()), time.Time{}
	if l.Open || l.Flags&history.EndUnknown != 0 {
		closed, seen = seen, closed
	}
	o.Time("closed", closed)
	o.Time("last_seen", seen)
	o.True("open", l.Open)
	o.True("incoming", l.Flags&history.Incoming != 0)
	o.Socket(s.objects, r.names, &l.Socket)
	o.Text("source", l.Source.String())
	from := ""
	if len(l.Socket.Owners) > 0 {
		from = l.OwnerFrom.String()
	}
	o.Text("owner_from", from)
	o.Float("lifetime_ms", float64(l.Closed.Sub(l.Opened))/float64(time.Millisecond), !closed.IsZero() && l.Flags&history.OpenedBefore == 0)
	o.True("inferred", l.Flags&history.Inferred != 0)
	told := l.Bytes.Basis != watch.NotCounted
	o.Uint("rx_bytes", l.Bytes.Received, told)
	o.Uint("tx_bytes", l.Bytes.Sent, told)
	o.Text("counted_by", l.Bytes.Basis.String())
	return s.object()
}

var newsColumns = []view.GridColumn{{Header: "TIME"}, {Header: "NEW"}, {Header: "PROCESS", Shrink: 10}, {Header: "LOCAL", Shrink: 14, Drop: 2}, {Header: "REMOTE", Shrink: 14}, {Header: "PLACE", Shrink: 10}}

func (r *historyRun) writeNews(ctx context.Context, s *sheet) error {
	return r.reader.News(ctx, r.query, nil, func(n *history.News) error {
		if s.out == nil {
			text := func(column string) string { return columnText(r.names, column, &n.Socket) }
			return s.row(stamp(n.Time, s.now), n.Kind.String(), text("owners"), text("local"), text("remote"), text("place"))
		}
		s.out.Begin()
		s.out.Time("time", n.Time.In(s.now.Location()))
		s.out.Text("event", "new_"+n.Kind.String())
		s.out.Socket(s.objects, r.names, &n.Socket)
		return s.object()
	})
}
