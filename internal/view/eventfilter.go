package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/ifstat"
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
	if err := checkEventNames(root); err != nil {
		return nil, err
	}
	f := &EventFilter{names: names}
	if root != nil {
		f.Filter = Filter{root: root, match: compile(root, names)}
		addNeeds(root, &f.needs)
	}
	return f, nil
}

// checkEventNames refuses events that there are none of, which a person would wait for in vain.
func checkEventNames(n node) error {
	switch n := n.(type) {
	case *andNode:
		return checkEach(n.parts)
	case *orNode:
		return checkEach(n.parts)
	case *notNode:
		return checkEventNames(n.part)
	case *compareNode:
		if n.field == &eventField && n.op <= opNe && !slices.Contains(EventWords(), n.text) {
			return fmt.Errorf("filter: no event is called %q; there are %s", n.text, strings.Join(EventWords(), ", "))
		}
	}
	return nil
}

func checkEach(parts []node) error {
	for _, p := range parts {
		if err := checkEventNames(p); err != nil {
			return err
		}
	}
	return nil
}

// MatchEvent reports whether the event passes. That of an interface is a socket without anything but its interface.
// What says that something was lost always passes.
func (f *EventFilter) MatchEvent(e *watch.Event) bool {
	if e.Kind == watch.Overflow || e.Kind == watch.Repaired || f.Empty() {
		return true
	}
	f.names.event = e.Kind.String()
	if e.Link == nil {
		return f.Match(&e.Socket)
	}
	return f.matchLink(e.Link.New) || f.matchLink(e.Link.Old)
}

// matchLink matches an interface by the name that it has, or had, at the event: the system may know another by now.
func (f *EventFilter) matchLink(i *ifstat.Interface) bool {
	if i == nil {
		return false
	}
	f.names.nameInterface(netInterface{i.NetNS, i.Index}, i.Name)
	return f.Match(&netstat.Socket{Interface: i.Index, NetNS: i.NetNS})
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
