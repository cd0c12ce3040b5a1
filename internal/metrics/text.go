package metrics

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// ContentType is that of WriteText.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// WriteText writes all series in Prometheus' text format.
func (m *Metrics) WriteText(w io.Writer) error {
	var b []byte
	for _, f := range m.gather() {
		b = f.appendText(b)
	}
	_, err := w.Write(b)
	return err
}

// ServeHTTP answers a scrape.
func (m *Metrics) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	_ = m.WriteText(&b) // a buffer takes everything
	w.Header().Set("Content-Type", ContentType)
	_, _ = w.Write(b.Bytes()) // to a client that has gone there is nothing to say
}

// kindNames are the words of the text format.
var kindNames = [...]string{gauge: "gauge", counter: "counter"}

// appendText writes a family with at least one series.
func (f *family) appendText(dst []byte) []byte {
	if len(f.points) == 0 {
		return dst
	}
	dst = append(append(append(dst, "# HELP "...), f.name...), ' ')
	dst = append(append(dst, helpEscapes.Replace(f.help)...), "\n# TYPE "...)
	dst = append(append(append(append(dst, f.name...), ' '), kindNames[f.kind]...), '\n')
	for i := range f.points {
		p := &f.points[i]
		dst = appendLabels(append(dst, f.name...), p.labels)
		dst = append(p.value.append(append(dst, ' ')), '\n')
	}
	return dst
}

// The format escapes no more than this, and wants UTF-8.
var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func appendLabels(dst []byte, labels []string) []byte {
	if len(labels) == 0 {
		return dst
	}
	sep := byte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		dst = append(append(append(dst, sep), labels[i]...), '=', '"')
		dst = append(append(dst, labelEscapes.Replace(labels[i+1])...), '"')
		sep = ','
	}
	return append(dst, '}')
}

// maxLabel bounds a label's value, in bytes: names of units can be as long as a path.
const maxLabel = 200

// label is a value as both formats take it: UTF-8, and not too long.
func label(text string) string {
	if len(text) > maxLabel {
		text = text[:maxLabel]
	}
	return strings.ToValidUTF8(text, "�")
}
