package view

import (
	"io"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// Format is a form of output.
type Format uint8

// The forms.
const (
	Table Format = iota
	JSON
	JSONL
	CSV
)

// Options say how rows are written.
type Options struct {
	Format   Format
	Columns  []*Column // see Columns, SchemaColumns and FlatColumns
	Names    *Names
	NoHeader bool
	Color    bool // tables only
	Width    int  // terminal cells a line may take; 0 is no bound
	Fixed    bool // no column is left out where the width is too small

	Time time.Time // of the JSON document
	Host string    // of the JSON document
}

// Writer writes rows one after the other. Errors of the stream underneath are kept, returned by every later call, and
// nothing more is written then.
type Writer interface {
	Row(*netstat.Socket) error
	// Close ends the output: it writes what is buffered, and, in a JSON document, what is missing from it.
	Close(partial []error) error
}

// NewWriter begins output on w.
func NewWriter(w io.Writer, opt Options) Writer {
	out := stream{w: w, buf: make([]byte, 0, blockSize+blockSize/4)}
	switch opt.Format {
	case JSON:
		return newDocument(out, &opt)
	case JSONL:
		return &linesWriter{out, objectWriter{opt.Names, opt.Columns}}
	case CSV:
		return newCSV(out, &opt)
	}
	return newTable(out, &opt)
}

// SchemaColumns are the fields of a JSON object, given what is asked for.
func SchemaColumns(n Needs) (cols []*Column) {
	for i := range columns[:schemaColumns] {
		if c := &columns[i]; c.Needs.within(n) {
			cols = append(cols, c)
		}
	}
	return cols
}

// FlatColumns are those of CSV: the fields of a JSON object, with the owners' process, pid and fd side by side, and so the
// parts of a place.
func FlatColumns(n Needs) (cols []*Column) {
	for _, c := range SchemaColumns(n) {
		switch c.Name {
		case "owners":
			cols = append(cols, Columns("process", "pid", "fd")...)
		case "geo":
			cols = append(cols, geoColumns()...)
		default:
			cols = append(cols, c)
		}
	}
	return cols
}

func (n Needs) within(m Needs) bool {
	return (!n.Owners || m.Owners) && (!n.Module || m.Module) && (!n.Info || m.Info) && (!n.Geo || m.Geo)
}

// blockSize is how much is gathered before it is written.
const blockSize = 64 << 10

// stream is a buffer that what is written is appended to.
type stream struct {
	w   io.Writer
	buf []byte
	err error
}

// row is called after each row.
func (s *stream) row() error {
	if len(s.buf) < blockSize {
		return s.err
	}
	return s.flush()
}

func (s *stream) flush() error {
	if s.err == nil && len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
	return s.err
}
