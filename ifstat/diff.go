package ifstat

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
	FieldKind
	FieldUp
	FieldState
	FieldMTU
	FieldSpeed
	FieldHardwareAddr
	FieldAddrs
	FieldMaster
	FieldLink
)

// Diff appends to dst what changed between two snapshots of one table, counters aside: first what vanished, then the rest
// in the order of the new snapshot. It is a pure function. An interface may have several changes at once: renamed, gone
// down, and changed otherwise.
func Diff(dst []Change, older, newer *Snapshot) []Change { return dst }
