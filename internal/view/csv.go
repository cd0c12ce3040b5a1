package view

import (
	"bytes"

	"github.com/sockeye-net/sockeye/netstat"
)

// csvWriter writes RFC 4180: a line of names, lines that end in CR LF, quotes where they are needed. Text is as in tables,
// so it holds no control characters; what does not apply is empty.
type csvWriter struct {
	stream
	names *Names
	cols  []*Column
}

func newCSV(out stream, opt *Options) *csvWriter {
	w := &csvWriter{out, opt.Names, opt.Columns}
	if opt.NoHeader {
		return w
	}
	for i, c := range w.cols {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		w.buf = append(w.buf, c.Name...)
	}
	w.buf = append(w.buf, '\r', '\n')
	return w
}

func (w *csvWriter) Row(s *netstat.Socket) error {
	for i, c := range w.cols {
		if i > 0 {
			w.buf = append(w.buf, ',')
		}
		start := len(w.buf)
		w.buf = quoteCSV(c.text(w.names, w.buf, s), start)
	}
	w.buf = append(w.buf, '\r', '\n')
	return w.row()
}

func (w *csvWriter) Close([]error) error { return w.flush() }

// quoteCSV quotes what stands from start on, if it must be.
func quoteCSV(dst []byte, start int) []byte {
	quotes := bytes.IndexByte(dst[start:], '"') >= 0
	switch {
	case !quotes && bytes.IndexByte(dst[start:], ',') < 0:
		return dst
	case !quotes:
		dst = append(dst, '"', '"')
		copy(dst[start+1:], dst[start:len(dst)-2])
		dst[start] = '"'
		return dst
	}
	text := bytes.ReplaceAll(dst[start:], []byte{'"'}, []byte{'"', '"'})
	dst = append(append(dst[:start], '"'), text...)
	return append(dst, '"')
}
