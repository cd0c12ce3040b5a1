package view

import (
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// Schema is the number of the form of JSON output.
const Schema = 1

// objectWriter writes a socket as a JSON object.
type objectWriter struct {
	names *Names
	cols  []*Column
}

func (w *objectWriter) append(dst []byte, s *netstat.Socket) []byte {
	sep := byte('{')
	for _, c := range w.cols {
		mark := len(dst)
		dst = append(append(append(dst, sep, '"'), c.Name...), '"', ':')
		var ok bool
		if dst, ok = c.json(w.names, dst, s); !ok {
			dst = dst[:mark]
			continue
		}
		sep = ','
	}
	if sep == '{' {
		dst = append(dst, '{')
	}
	return append(dst, '}')
}

// AppendJSON writes a socket as a JSON object of these fields; those that do not apply are left out.
func AppendJSON(dst []byte, cols []*Column, n *Names, s *netstat.Socket) []byte {
	return (&objectWriter{n, cols}).append(dst, s)
}

// AppendJSONString writes a JSON string that is safe to show on a terminal.
func AppendJSONString(dst []byte, text string) []byte { return appendString(dst, text) }

// linesWriter writes an object a line.
type linesWriter struct {
	stream
	objectWriter
}

func (w *linesWriter) Row(s *netstat.Socket) error {
	w.buf = append(w.objectWriter.append(w.buf, s), '\n')
	return w.row()
}

func (w *linesWriter) Close([]error) error { return w.flush() }

// document writes {"schema":1,"time":...,"host":...,"sockets":[...],"partial":[...]}. What is missing is known last, and
// stands last, so a document that ends early is still a whole one.
type document struct {
	stream
	objectWriter
	rows int
}

func newDocument(out stream, opt *Options) *document {
	d := &document{stream: out, objectWriter: objectWriter{opt.Names, opt.Columns}}
	d.buf = appendDocument(d.buf, opt, "sockets")
	return d
}

// appendDocument begins a document, up to where its rows stand.
func appendDocument(dst []byte, opt *Options, array string) []byte {
	dst = appendUint(append(dst, `{"schema":`...), Schema)
	dst = opt.Time.AppendFormat(append(dst, `,"time":"`...), time.RFC3339)
	dst = append(dst, '"')
	if opt.Host != "" {
		dst = appendField(dst, "host", opt.Host)
	}
	return append(append(append(dst, `,"`...), array...), `":[`...)
}

func (d *document) Row(s *netstat.Socket) error {
	if d.rows > 0 {
		d.buf = append(d.buf, ',')
	}
	d.rows++
	d.buf = d.objectWriter.append(append(d.buf, '\n'), s)
	return d.row()
}

func (d *document) Close(partial []error) error {
	if d.rows > 0 {
		d.buf = append(d.buf, '\n')
	}
	d.buf = AppendPartial(append(d.buf, ']'), partial)
	d.buf = append(d.buf, '}', '\n')
	return d.flush()
}

// AppendPartial writes the "partial" field of a document, after a comma; it is an empty array when nothing is missing.
func AppendPartial(dst []byte, partial []error) []byte {
	dst = append(dst, `,"partial":[`...)
	for i, err := range partial {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, err.Error())
	}
	return append(dst, ']')
}
