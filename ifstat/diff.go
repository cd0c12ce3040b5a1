package ifstat

import (
	"bytes"
	"slices"
)

// Event is what happened to an interface between two snapshots.
type Event uint8

// The events. Flapped is one that lost its carrier and has it again, between two snapshots that both show it working.
const (
	Appeared Event = iota + 1 // appeared
	Vanished                  // vanished
	WentUp                    // up
	WentDown                  // down
	Flapped                   // flapped
	Renamed                   // renamed
	Changed                   // changed
)

// Change is an event of one interface. One that was replaced by another of the same name or index vanished, and the other
// appeared.
type Change struct {
	Event  Event
	Old    *Interface // in the old snapshot; nil for Appeared
	New    *Interface // in the new snapshot; nil for Vanished
	Fields Fields     // what is different; not for Appeared and Vanished
}

// Fields is a set of an interface's properties.
type Fields uint16

// The properties; they are combined with |.
const (
	FieldName Fields = 1 << iota
	FieldAlias
	FieldUp
	FieldState
	FieldMTU
	FieldSpeed
	FieldHardwareAddr
	FieldAddrs
	FieldMaster
	FieldLink
)

// fieldNames are the names of the properties, from the lowest bit.
var fieldNames = [...]string{"name", "alias", "up", "state", "mtu", "speed", "hardware_addr", "addrs", "master", "link"}

// Names gives the names of the properties in the set, as they are in JSON.
func (f Fields) Names() (names []string) {
	for i, n := range fieldNames {
		if f&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// ownEvent are the properties that have an event of their own.
const ownEvent = FieldName | FieldUp | FieldState

// Diff appends to dst what changed between two snapshots of one table, counters aside: first what vanished, then the rest
// in the order of the new snapshot. It is a pure function. An interface may have several changes at once: renamed, gone
// down, and changed otherwise; each of them has all of Fields.
func Diff(dst []Change, older, newer *Snapshot) []Change {
	at := 0
	for i := range older.Interfaces {
		o := &older.Interfaces[i]
		if at = find(newer.Interfaces, at, func(n *Interface) bool { return same(o, n) }); at < 0 {
			dst = append(dst, Change{Event: Vanished, Old: o})
			at = 0
		}
	}
	at = 0
	for i := range newer.Interfaces {
		n := &newer.Interfaces[i]
		if at = find(older.Interfaces, at, func(o *Interface) bool { return same(o, n) }); at < 0 {
			dst = append(dst, Change{Event: Appeared, New: n})
			at = 0
			continue
		}
		dst = changes(dst, &older.Interfaces[at], n)
	}
	return dst
}

// same reports whether an interface of the old snapshot is one of the new.
func same(o, n *Interface) bool { return o.ID == n.ID && o.NetNS == n.NetNS && !o.replacedBy(n) }

// find gives the position of an interface in a list, or -1. It looks near a place first: two snapshots are mostly alike.
func find(list []Interface, near int, is func(*Interface) bool) int {
	for k := range list {
		if at := (near + k) % len(list); is(&list[at]) {
			return at
		}
	}
	return -1
}

func changes(dst []Change, o, n *Interface) []Change {
	f := fields(o, n)
	add := func(e Event) { dst = append(dst, Change{Event: e, Old: o, New: n, Fields: f}) }
	if f&FieldName != 0 {
		add(Renamed)
	}
	switch was, is := o.Works(), n.Works(); {
	case !was && is:
		add(WentUp)
	case was && !is:
		add(WentDown)
	case was && is && o.HasChanges && n.HasChanges && n.Changes != o.Changes:
		add(Flapped)
	case f&(FieldUp|FieldState) != 0:
		add(Changed)
		return dst
	}
	if f&^ownEvent != 0 {
		add(Changed)
	}
	return dst
}

// fields says in which properties two interfaces differ.
func fields(o, n *Interface) (f Fields) {
	for i, differs := range [...]bool{
		o.Name != n.Name, o.Alias != n.Alias, o.Up != n.Up, o.State != n.State, o.MTU != n.MTU,
		o.Speed != n.Speed || o.RxSpeed != n.RxSpeed, !bytes.Equal(o.HardwareAddr, n.HardwareAddr),
		!slices.Equal(o.Addrs, n.Addrs), o.Master != n.Master, o.Link != n.Link || o.LinkElsewhere != n.LinkElsewhere,
	} {
		if differs {
			f |= 1 << i
		}
	}
	return f
}
