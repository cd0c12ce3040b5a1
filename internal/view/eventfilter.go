package view

import (
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// EventFilter is a Filter over events: the language is that of sockets, with one field more, event, whose values are those
// of watch.Kind: "event = closed and dport = 443".
type EventFilter struct {
	Filter
	names *Names
}

// ParseEventFilter compiles an expression, as ParseFilter does.
func ParseEventFilter(expr string, names *Names) (*EventFilter, error) {
	if names == nil {
		names = new(Names)
	}
	root, err := parseWith(&parser{lexer: lexer{src: expr}, names: names, events: true})
	if err != nil {
		return nil, err
	}
	f := &EventFilter{names: names}
	if root != nil {
		f.Filter = Filter{root: root, match: compile(root, names)}
		addNeeds(root, &f.needs)
	}
	return f, nil
}

// MatchEvent reports whether the event passes. That of an interface is a socket without anything but its interface.
// What says that something was lost always passes.
func (f *EventFilter) MatchEvent(e *watch.Event) bool {
	if e.Kind == watch.Overflow || e.Kind == watch.Repaired || f.Empty() {
		return true
	}
	f.names.event = e.Kind.String()
	if e.Link != nil {
		i := LinkOf(e)
		return f.Match(&netstat.Socket{Interface: i.Index, NetNS: i.NetNS})
	}
	return f.Match(&e.Socket)
}

// eventField is the field that events have beyond those of sockets.
var eventField = filterField{name: "event", kind: kindText, protos: anyProto,
	text: func(n *Names, _ *netstat.Socket) (string, bool) { return n.event, n.event != "" }}

// EventWords are the values of the field event, for completion.
func EventWords() (words []string) {
	for k := watch.Opened; k <= watch.Repaired; k++ {
		words = append(words, k.String())
	}
	return words
}
