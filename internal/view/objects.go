package view

import (
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// Objects writes objects that are made field by field, as a JSON document, JSON lines or CSV. Every object names the same
// fields in the same order, also those that do not apply to it: they are left out of JSON, and empty in CSV.
type Objects struct {
	stream
	format Format
	rows   int
	start  int    // where the object begins in the buffer
	filled bool   // the object has a field
	header []byte // CSV: the names, until the first object ends
	named  bool   // CSV: they are written, or not wanted
}

// NewObjects begins output on w. Of the options it obeys Format (but for Table), NoHeader, Time and Host; array names the
// field of the JSON document that holds the objects.
func NewObjects(w io.Writer, opt Options, array string) *Objects {
	o := &Objects{stream: stream{w: w}, format: opt.Format, named: opt.NoHeader}
	if opt.Format == JSON {
		o.buf = appendDocument(o.buf, &opt, array)
	}
	return o
}

// Begin begins an object.
func (o *Objects) Begin() {
	if o.format == JSON && o.rows > 0 {
		o.buf = append(o.buf, ',')
	}
	if o.format == JSON {
		o.buf = append(o.buf, '\n')
	}
	o.rows++
	if o.start, o.filled = len(o.buf), false; o.format != CSV {
		o.buf = append(o.buf, '{')
	}
}

// End ends it.
func (o *Objects) End() error {
	switch o.format {
	case JSON:
		o.buf = append(o.buf, '}')
	case JSONL:
		o.buf = append(o.buf, '}', '\n')
	default:
		o.buf = append(o.buf, '\r', '\n')
		if !o.named {
			o.named = true
			o.buf = slices.Insert(o.buf, o.start, append(o.header, '\r', '\n')...)
		}
	}
	return o.row()
}

// Flush hands over what is gathered, so that a reader need not wait for more.
func (o *Objects) Flush() error { return o.flush() }

// Close ends the output.
func (o *Objects) Close(partial []error) error {
	if o.format == JSON {
		if o.rows > 0 {
			o.buf = append(o.buf, '\n')
		}
		o.buf = append(AppendPartial(append(o.buf, ']'), partial), '}', '\n')
	}
	return o.flush()
}

// field begins a field, and reports whether its value is to be written.
func (o *Objects) field(name string, has bool) bool {
	if o.format == CSV {
		o.column(name)
		return has
	}
	if !has {
		return false
	}
	if o.filled {
		o.buf = append(o.buf, ',')
	}
	o.filled = true
	o.buf = append(append(append(o.buf, '"'), name...), '"', ':')
	return true
}

func (o *Objects) column(name string) {
	if o.filled {
		o.buf = append(o.buf, ',')
	}
	if !o.named {
		if o.filled {
			o.header = append(o.header, ',')
		}
		o.header = append(o.header, name...)
	}
	o.filled = true
}

// Uint is a field that is a number; has is false where it does not apply.
func (o *Objects) Uint(name string, v uint64, has bool) {
	if o.field(name, has) {
		o.buf = appendUint(o.buf, v)
	}
}

// Float is a field with at most three decimals.
func (o *Objects) Float(name string, v float64, has bool) {
	if o.field(name, has) {
		o.buf = strconv.AppendFloat(o.buf, math.Round(v*1000)/1000, 'f', -1, 64)
	}
}

// Degrees is a latitude or longitude, with at most four decimals.
func (o *Objects) Degrees(name string, v float64, has bool) {
	if o.field(name, has) {
		o.buf = appendDegrees(o.buf, v)
	}
}

// Text is a field that does not apply where it is empty.
func (o *Objects) Text(name, text string) {
	if !o.field(name, text != "") {
		return
	}
	if o.format != CSV {
		o.buf = appendString(o.buf, text)
		return
	}
	start := len(o.buf)
	o.buf = quoteCSV(appendClean(o.buf, text), start)
}

// Time is a field with microseconds, RFC 3339; the zero Time does not apply.
func (o *Objects) Time(name string, t time.Time) {
	text := ""
	if !t.IsZero() {
		text = t.Format("2006-01-02T15:04:05.000000Z07:00")
	}
	o.Text(name, text)
}

// True is a field that is there only where it is true.
func (o *Objects) True(name string, v bool) {
	if o.field(name, v) {
		o.buf = append(o.buf, "true"...)
	}
}

// List is an array of texts; in CSV they have spaces between them.
func (o *Objects) List(name string, list []string, has bool) {
	if !o.field(name, has) {
		return
	}
	start := len(o.buf)
	for i, text := range list {
		if o.format == CSV {
			if i > 0 {
				o.buf = append(o.buf, ' ')
			}
			o.buf = appendClean(o.buf, text)
			continue
		}
		o.buf = append(o.buf, map[bool]byte{true: '[', false: ','}[i == 0])
		o.buf = appendString(o.buf, text)
	}
	switch {
	case o.format == CSV:
		o.buf = quoteCSV(o.buf, start)
	case len(list) == 0:
		o.buf = append(o.buf, "[]"...)
	default:
		o.buf = append(o.buf, ']')
	}
}

// Socket is the columns of a socket. A nil socket has none of them.
func (o *Objects) Socket(cols []*Column, n *Names, s *netstat.Socket) {
	for _, c := range cols {
		o.socketField(c, n, s)
	}
}

func (o *Objects) socketField(c *Column, n *Names, s *netstat.Socket) {
	if o.format == CSV {
		o.column(c.Name)
		if start := len(o.buf); s != nil {
			o.buf = quoteCSV(c.text(n, o.buf, s), start)
		}
		return
	}
	if s == nil {
		return
	}
	mark, filled := len(o.buf), o.filled
	o.field(c.Name, true)
	var ok bool
	if o.buf, ok = c.json(n, o.buf, s); !ok {
		o.buf, o.filled = o.buf[:mark], filled
	}
}
