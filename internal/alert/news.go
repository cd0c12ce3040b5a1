package alert

import (
	"bytes"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

// Write writes a piece of news as one object, as sockeye history --news --json has it.
func Write(o *view.Objects, names *view.Names, n *history.News) error {
	cols := view.EventColumns(view.JSONL, view.Needs{Module: true, User: true, Geo: names.Place != nil})
	o.Begin()
	o.Time("time", n.Time)
	o.Text("event", "new_"+n.Kind.String())
	o.Socket(cols, names, &n.Socket)
	return o.End()
}

// JSON is news as JSON objects with commas between them, without those that a filter does not match; nil matches all.
func JSON(news []history.News, names *view.Names, filter *view.Filter) []byte {
	var b bytes.Buffer
	o := view.NewObjects(&b, view.Options{Format: view.JSONL}, "")
	for i := range news {
		if filter.Match(&news[i].Socket) {
			_ = Write(o, names, &news[i]) // a buffer takes everything
		}
	}
	_ = o.Flush()
	return bytes.ReplaceAll(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), []byte{'\n'}, []byte{','})
}
