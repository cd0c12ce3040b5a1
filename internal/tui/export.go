package tui

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
)

// askExport asks for a file that what is seen is written to.
func (m *Model) askExport() {
	name := fmt.Sprintf("sockeye-%s-%s.json", m.kind, m.opt.Now().Format("20060102-150405"))
	m.ask(&prompt{label: "write to (.json, .jsonl or .csv)", before: name, done: func(m *Model, path string) {
		if path = strings.TrimSpace(path); path == "" {
			return
		}
		if err := m.export(path); err != nil {
			m.say(err.Error(), true)
			return
		}
		m.say("the rows are in "+path, false)
	}})
}

// export writes the rows to a new file. One that is there is left alone.
func (m *Model) export(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriter(f)
	if err := m.Write(w, formatOf(path), false, 0); err != nil {
		return err
	}
	return w.Flush()
}

func formatOf(path string) view.Format {
	switch {
	case strings.HasSuffix(path, ".csv"):
		return view.CSV
	case strings.HasSuffix(path, ".jsonl"):
		return view.JSONL
	}
	return view.JSON
}

// Write writes the rows that are shown, of which most is the bound where it is not 0, with all that is known of each: as
// traffic --by does.
func (m *Model) Write(w io.Writer, format view.Format, noHeader bool, most int) error {
	o := view.NewObjects(w, view.Options{Format: format, NoHeader: noHeader, Time: m.at, Host: m.opt.Host}, "readings")
	if err := m.WriteRows(o, format, most); err != nil {
		return err
	}
	return o.Close(m.partial)
}

// WriteRows writes them as objects.
func (m *Model) WriteRows(o *view.Objects, format view.Format, most int) error {
	var geo []*view.Column
	if m.opt.Names.Place != nil {
		geo = view.GeoColumns(format)
	}
	n := 0
	for _, r := range m.page().rows {
		if r.gone() || r.bare() {
			continue // a program does not see marks
		}
		if n++; most > 0 && n > most {
			break
		}
		if err := m.writeRow(o, r, geo); err != nil {
			return err
		}
	}
	return nil
}

func (m *Model) writeRow(o *view.Objects, r *row, geo []*view.Column) error {
	if r.link != nil {
		return o.Traffic(&r.link.TrafficRow)
	}
	r.Time = m.at
	if r.By == byProcess {
		geo = nil
	}
	return o.Usage(m.opt.Names, &r.UsageRow, geo)
}
