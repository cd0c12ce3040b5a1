package alert

import (
	"bytes"
	"net/netip"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

// Columns are those of a socket in news.
func Columns(f view.Format) []*view.Column {
	return view.EventColumns(f, view.Needs{Module: true, User: true, Geo: true})
}

// Write writes a piece of news as one object, as sockeye history --news has it.
func Write(o *view.Objects, cols []*view.Column, names *view.Names, n *history.News) error {
	o.Begin()
	o.Time("time", n.Time)
	o.Text("event", "new_"+n.Kind.String())
	o.Socket(cols, names, &n.Socket)
	return o.End()
}

// JSON is news as JSON objects with commas between them, without those that a filter does not match; nil matches all. Places
// are those of the news.
func JSON(news []history.News, names view.Names, filter *view.Filter) []byte {
	var b bytes.Buffer
	o := view.NewObjects(&b, view.Options{Format: view.JSONL}, "")
	cols := Columns(view.JSONL)
	for i := range news {
		n := &news[i]
		if !filter.Match(&n.Socket) {
			continue
		}
		names.ForgetPlaces()
		names.Place = func(a netip.Addr) *geoip.Location {
			if a == n.Socket.Remote.Addr() {
				return n.Place
			}
			return nil
		}
		_ = Write(o, cols, &names, n) // a buffer takes everything
	}
	_ = o.Flush()
	return bytes.ReplaceAll(bytes.TrimSuffix(b.Bytes(), []byte{'\n'}), []byte{'\n'}, []byte{','})
}
