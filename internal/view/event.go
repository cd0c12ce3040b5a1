package view

import (
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/watch"
)

// LinkOf is the interface of an event of one: as it is now, or as it was when it vanished.
func LinkOf(e *watch.Event) *ifstat.Interface {
	if e.Link.New != nil {
		return e.Link.New
	}
	return e.Link.Old
}

// EventColumns are the socket's fields in an event. Its bytes are those that the event itself tells.
func EventColumns(f Format, needs Needs) []*Column {
	needs.Owners, needs.Info = true, true
	cols := SchemaColumns(needs)
	if f == CSV {
		cols = FlatColumns(needs)
	}
	return slices.DeleteFunc(cols, func(c *Column) bool { return c.Name == "rx_bytes" || c.Name == "tx_bytes" })
}

// Event writes an event as an object.
func (o *Objects) Event(cols []*Column, n *Names, e *watch.Event) error {
	o.Begin()
	o.Time("time", e.Time)
	o.Text("event", e.Kind.String())
	o.Text("source", e.Source.String())
	switch {
	case e.Link != nil:
		o.link(cols, LinkOf(e))
	case e.Socket.Proto == 0:
		o.Socket(cols, n, nil)
	default:
		o.Socket(cols, n, &e.Socket)
	}
	o.eventFields(e)
	return o.End()
}

// link writes the columns that an interface has in common with a socket.
func (o *Objects) link(cols []*Column, i *ifstat.Interface) {
	for _, c := range cols {
		switch c.Name {
		case "interface":
			o.Text("interface", i.Name)
		case "netns":
			o.Uint("netns", i.NetNS, i.NetNS != 0)
		case "state":
			o.Text("state", StateOfInterface(i))
		default:
			o.Socket([]*Column{c}, nil, nil)
		}
	}
}

func (o *Objects) eventFields(e *watch.Event) {
	old, from, kind := "", "", ""
	var changed []string
	switch {
	case e.Link != nil:
		kind, changed = LinkOf(e).Kind.String(), e.Link.Fields.Names()
	case e.Socket.Proto != 0:
		from = e.OwnerFrom.String()
	}
	if e.OldState != 0 {
		old = e.OldState.String()
	}
	life, lived := e.Lifetime()
	closed := e.Kind == watch.Closed
	o.Text("old_state", old)
	o.Text("owner_from", from)
	o.Time("since", e.Since)
	o.Float("lifetime_ms", float64(life)/float64(time.Millisecond), lived && closed)
	o.True("inferred", e.Inferred)
	told := closed && e.Bytes.Basis != watch.NotCounted
	o.Uint("rx_bytes", e.Bytes.Received, told)
	o.Uint("tx_bytes", e.Bytes.Sent, told)
	o.Text("counted_by", e.Bytes.Basis.String())
	o.Uint("lost", e.Lost, e.Kind == watch.Overflow && e.Lost > 0)
	o.Text("kind", kind)
	o.List("changed", changed, len(changed) > 0)
	o.oldName(e)
}

// oldName is the name of a renamed interface before.
func (o *Objects) oldName(e *watch.Event) {
	name := ""
	if e.Kind == watch.LinkRenamed && e.Link.Old != nil {
		name = e.Link.Old.Name
	}
	o.Text("old_interface", name)
}
