package web

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// topic is one of the tables of the stream, or its events.
type topic uint8

const (
	onSockets topic = iota
	onProcesses
	onUnits
	onHosts
	onInterfaces
	onEvents
	onNews
	topics = iota
)

var topicNames = [topics]string{"sockets", "processes", "units", "hosts", "interfaces", "events", "news"}

func (t topic) String() string { return topicNames[t] }

// private topics are for those who hold the token only: all of it is about processes.
func (t topic) private() bool { return t == onProcesses || t == onUnits || t == onNews }

// flows reports whether a topic has no rows that stay, but what comes once.
func (t topic) flows() bool { return t == onEvents || t == onNews }

func parseTopics(list string) (all []topic, err error) {
	for name := range strings.SplitSeq(list, ",") {
		t, err := parseTopic(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		for _, had := range all {
			if had == t {
				return nil, fmt.Errorf("topic %q stands there twice", t)
			}
		}
		all = append(all, t)
	}
	slices.Sort(all) // whoever wants the same gets the same
	return all, nil
}

func parseTopic(name string) (topic, error) {
	for t, is := range topicNames {
		if is == name {
			return topic(t), nil
		}
	}
	return 0, fmt.Errorf("there is no topic %q; there are %s", view.CleanText(name), strings.Join(topicNames[:], ", "))
}

// written is a table as JSON objects, one for each row.
type written struct {
	done bool
	text []byte
	rows []writtenRow
}

// writtenRow is one of them.
type writtenRow struct {
	id         uint64
	start, end int
}

func (w *written) row(i int) []byte { return w.text[w.rows[i].start:w.rows[i].end] }

// write writes a table of the picture, once for all who may see the same.
func (h *Hub) write(t topic, a Access) *written {
	w := &h.now.written[t][a]
	if w.done {
		return w
	}
	w.done = true
	switch t {
	case onSockets:
		h.writeSockets(w, a)
	case onInterfaces:
		h.writeLinks(w)
	default:
		h.writeUsage(w, t)
	}
	return w
}

// socketNeeds are what a socket is shown with.
func (h *Hub) socketNeeds() view.Needs {
	return view.Needs{Owners: true, Module: true, Info: true, User: true, Geo: h.names.Place != nil}
}

func (h *Hub) writeSockets(w *written, a Access) {
	cols := view.SchemaColumns(h.socketNeeds())
	p := h.now
	sockets := p.rows(a)
	for i := range sockets {
		start := len(w.text)
		w.text = view.AppendJSON(w.text, cols, &h.names, &sockets[i])
		w.text = appendFlow(w.text[:len(w.text)-1], &p.flows[i])
		w.rows = append(w.rows, writtenRow{p.flows[i].id, start, len(w.text)})
	}
}

// appendFlow writes the fields of the stream that a list does not have, and the end of the object.
func appendFlow(dst []byte, f *flow) []byte {
	if f.rx > 0 {
		dst = strconv.AppendFloat(append(dst, `,"rx_bytes_per_s":`...), f.rx, 'f', 0, 64)
	}
	if f.tx > 0 {
		dst = strconv.AppendFloat(append(dst, `,"tx_bytes_per_s":`...), f.tx, 'f', 0, 64)
	}
	if !f.since.IsZero() {
		dst = f.since.UTC().AppendFormat(append(dst, `,"since":"`...), "2006-01-02T15:04:05.000Z")
		dst = append(dst, '"')
	}
	return append(dst, '}')
}

func (h *Hub) writeLinks(w *written) {
	o := newObjects()
	for i := range h.now.links {
		r := h.now.links[i]
		r.Time = h.now.time // one for all, so that what is idle does not change
		_ = o.Traffic(&r)   // a buffer takes everything
		o.end(w, h.ids.links.of(linkKey(&r), h.now.seq))
	}
}

var usageOf = [topics]watch.By{onProcesses: watch.ByProcess, onUnits: watch.ByUnit, onHosts: watch.ByRemote}

func (h *Hub) writeUsage(w *written, t topic) {
	by, geo, o := usageOf[t], h.geoColumns(t), newObjects()
	for i := range h.now.usage[by] {
		r := &h.now.usage[by][i]
		_ = o.Usage(&h.names, r, geo) // a buffer takes everything
		o.end(w, h.usageID(by, r))
	}
}

func (h *Hub) geoColumns(t topic) []*view.Column {
	if t != onHosts || h.names.Place == nil {
		return nil
	}
	return view.GeoColumns(view.JSON)
}

func (h *Hub) usageID(by watch.By, r *view.UsageRow) uint64 {
	switch by {
	case watch.ByProcess:
		return h.ids.process.of(r.Process, h.now.seq)
	case watch.ByUnit:
		return h.ids.units.of(r.Unit, h.now.seq)
	}
	return h.ids.remotes.of(r.Remote, h.now.seq)
}

// objects writes rows through the writer that the commands use.
type objects struct {
	*view.Objects
	b bytes.Buffer
}

func newObjects() *objects {
	o := new(objects)
	o.Objects = view.NewObjects(&o.b, view.Options{Format: view.JSONL}, "")
	return o
}

// end adds the row that was written, without its time: each table has one.
func (o *objects) end(w *written, id uint64) {
	_ = o.Flush() // to the buffer
	start := len(w.text)
	w.text = appendTimeless(w.text, bytes.TrimSuffix(o.b.Bytes(), []byte{'\n'}))
	w.rows = append(w.rows, writtenRow{id, start, len(w.text)})
	o.b.Reset()
}

// appendTimeless takes the first field out of an object, if it is the time: else every row would change with each reading.
func appendTimeless(dst, object []byte) []byte {
	const prefix = `{"time":"`
	if !bytes.HasPrefix(object, []byte(prefix)) {
		return append(dst, object...)
	}
	_, rest, _ := bytes.Cut(object[len(prefix):], []byte(`",`))
	return append(append(dst, '{'), rest...)
}

// eventsJSON is events as JSON with commas between them, without those that do not match.
func (h *Hub) eventsJSON(events []watch.Event, a Access, filter *view.EventFilter) []byte {
	var b bytes.Buffer
	cols := view.EventColumns(view.JSONL, h.socketNeeds())
	o := view.NewObjects(&b, view.Options{Format: view.JSONL}, "")
	for i := range events {
		e := events[i]
		if a != Full && e.Link == nil && e.Socket.Proto != 0 {
			redact(&e.Socket)
			e.OwnerFrom = watch.OwnerNotKnown
		}
		if filter == nil || filter.MatchEvent(&e) {
			_ = o.Event(cols, &h.names, &e) // a buffer takes everything
		}
	}
	_ = o.Flush()
	lines := bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
	return bytes.ReplaceAll(lines, []byte{'\n'}, []byte{','})
}

// matches reports whether a row passes a filter, which only sockets have.
func matches(f *view.Filter, s []netstat.Socket, i int) bool { return f == nil || f.Match(&s[i]) }
