package view

import (
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// EventText writes events as lines for people. What follows the addresses stands in a column, which grows with them up to
// a bound.
type EventText struct {
	Names *Names
	Color bool
	NetNS bool // say which network namespace
	Geo   bool // say where the remote end is

	places int // cells that the addresses of earlier lines took
}

const maxPlaces = 48

// signs are what a line begins with, and its colour.
var signs = map[watch.Kind]struct{ sign, word, color string }{
	watch.Opened:           {"+", "opened", "\x1b[32m"},
	watch.Closed:           {"-", "closed", "\x1b[2m"},
	watch.StateChanged:     {"~", "state", ""},
	watch.ListenerAppeared: {"+", "listener", "\x1b[32m"},
	watch.ListenerVanished: {"-", "listener", "\x1b[2m"},
	watch.LinkAppeared:     {"+", "link", "\x1b[32m"},
	watch.LinkVanished:     {"-", "link", "\x1b[2m"},
	watch.LinkUp:           {"~", "link", ""},
	watch.LinkDown:         {"~", "link", "\x1b[33m"},
	watch.LinkFlapped:      {"~", "link", "\x1b[33m"},
	watch.LinkRenamed:      {"~", "link", ""},
	watch.LinkChanged:      {"~", "link", ""},
	watch.Overflow:         {"!", "overflow", "\x1b[31m"},
	watch.Repaired:         {"!", "repaired", "\x1b[33m"},
}

// Append writes an event and a line feed.
func (t *EventText) Append(dst []byte, e *watch.Event) []byte {
	s := signs[e.Kind]
	dst = e.Time.AppendFormat(dst, "15:04:05.000 ")
	if t.Color && s.color != "" {
		dst = append(dst, s.color...)
	}
	dst = append(append(dst, s.sign...), ' ')
	dst = append(appendSpaces(append(dst, s.word...), max(0, 8-len(s.word))), ' ')
	if t.Color && s.color != "" {
		dst = append(dst, "\x1b[0m"...)
	}
	switch {
	case e.Link != nil:
		dst = appendLink(dst, e)
		if i := LinkOf(e); t.NetNS && i.NetNS != 0 {
			dst = appendUint(append(dst, " netns "...), i.NetNS)
		}
	case e.Kind == watch.Overflow:
		dst = appendOverflow(dst, e)
	case e.Kind == watch.Repaired:
		dst = append(dst, "everything was read again; what opened and closed in between is not known"...)
	default:
		dst = t.appendSocket(dst, e)
	}
	return append(dst, '\n')
}

func appendOverflow(dst []byte, e *watch.Event) []byte {
	if e.Lost > 0 {
		return append(appendUint(dst, e.Lost), " events were lost, for the kernel's queue was full; everything is read again"...)
	}
	return append(dst, "events were lost, for the kernel's queue was full; everything is read again"...)
}

func (t *EventText) appendSocket(dst []byte, e *watch.Event) []byte {
	s := &e.Socket
	dst = append(append(dst, s.Proto.String()...), ' ')
	if len(s.Proto.String()) < 4 {
		dst = append(dst, ' ')
	}
	start := len(dst)
	dst = textLocal(t.Names, dst, s)
	if s.Remote.Port() != 0 || s.Peer != 0 {
		dst = textRemote(t.Names, append(dst, " -> "...), s)
	}
	if t.NetNS && s.NetNS != 0 {
		dst = appendUint(append(dst, " netns "...), s.NetNS)
	}
	wide := textWidth(dst[start:])
	t.places = max(t.places, min(wide, maxPlaces))
	dst = appendSpaces(dst, max(0, t.places-wide)+gap)
	dst = appendWho(t.Names, dst, e)
	if p := t.Names.placeOf(s); t.Geo && p != nil && len(p.forPeople()) > 0 {
		dst = append(append(dst, "  "...), p.forPeople()...)
	}
	if e.Kind == watch.StateChanged {
		dst = append(append(append(append(dst, "  "...), e.OldState.String()...), " > "...), s.State.String()...)
	}
	if e.Kind == watch.Closed {
		dst = appendEnd(dst, e)
	}
	return dst
}

// appendWho writes the owners; '?' and why where they are not known.
func appendWho(n *Names, dst []byte, e *watch.Event) []byte {
	s := &e.Socket
	if len(s.Owners) == 0 {
		dst = append(dst, '?')
		if s.Missing != netstat.NotMissing && s.Missing != netstat.MissingUnknown {
			dst = append(append(append(dst, " ("...), s.Missing.String()...), ')')
		}
		return dst
	}
	if e.OwnerFrom == watch.OwnerOfListener {
		only := netstat.Socket{Owners: s.Owners}
		return append(textOwners(n, dst, &only), " (listener)"...)
	}
	return textOwners(n, dst, s)
}

// appendEnd writes what is known of a life that is over.
func appendEnd(dst []byte, e *watch.Event) []byte {
	if d, ok := e.Lifetime(); ok {
		dst = append(append(dst, "  "...), Lasted(d)...)
	}
	dst = append(dst, "  "...)
	if e.Bytes.Basis == watch.NotCounted {
		dst = append(dst, "tx ? rx ?"...)
	} else {
		dst = append(append(dst, "tx "...), InBytes.Amount(float64(e.Bytes.Sent))...)
		dst = append(append(dst, " rx "...), InBytes.Amount(float64(e.Bytes.Received))...)
	}
	if e.Inferred {
		dst = append(dst, "  (known by its end only)"...)
	}
	return dst
}

// Lasted is a duration for people: "0.3 ms", "333 ms", "12.3 s", "2h3m".
func Lasted(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms < 9.95:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case ms < 99950:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + " s"
	}
	text := d.Round(time.Second).String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		return short + "m"
	}
	return text
}

func appendLink(dst []byte, e *watch.Event) []byte {
	i := LinkOf(e)
	dst = append(append(appendClean(dst, i.Name), ' '), i.Kind.String()...)
	switch e.Kind {
	case watch.LinkAppeared:
		return append(append(dst, " appeared, "...), StateOfInterface(i)...)
	case watch.LinkVanished:
		return append(dst, " vanished"...)
	case watch.LinkUp:
		return append(dst, " is up"...)
	case watch.LinkDown:
		return append(append(append(dst, " is down ("...), StateOfInterface(i)...), ')')
	case watch.LinkFlapped:
		return append(dst, " was down, and is up again"...)
	case watch.LinkRenamed:
		if e.Link.Old != nil {
			return appendClean(append(dst, " was called "...), e.Link.Old.Name)
		}
	}
	return append(append(dst, " changed: "...), strings.Join(e.Link.Fields.Names(), ", ")...)
}
