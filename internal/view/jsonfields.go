package view

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sockeye-net/sockeye/netstat"
)

type jsonFunc = func(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool)

// number is a field that is a number where the socket has it.
func number(get value) jsonFunc {
	return func(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
		v, ok := get(s)
		if !ok {
			return dst, false
		}
		return appendUint(dst, v), true
	}
}

// quoted is a field that is text as people see it.
func quoted(text textFunc) jsonFunc {
	return func(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
		start := len(dst)
		if dst = text(n, append(dst, '"'), s); len(dst) == start+1 {
			return dst[:start], false
		}
		if plainJSON(dst[start+1:]) {
			return append(dst, '"'), true
		}
		return appendString(dst[:start], string(dst[start+1:])), true
	}
}

func jsonText(dst []byte, text string) ([]byte, bool) {
	if text == "" {
		return dst, false
	}
	return appendString(dst, text), true
}

func jsonProto(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return append(append(append(dst, '"'), s.Proto.String()...), '"'), true
}

func jsonState(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return append(append(append(dst, '"'), s.State.String()...), '"'), true
}

func jsonType(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	if s.Type == 0 {
		return dst, false
	}
	return appendString(dst, s.Type.String()), true
}

func jsonLocalAddr(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return jsonAddr(dst, s.Local)
}

func jsonRemoteAddr(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return jsonAddr(dst, s.Remote)
}

func jsonAddr(dst []byte, a netAddr) ([]byte, bool) {
	if !a.IsValid() {
		return dst, false
	}
	if a.Addr().Zone() != "" {
		return appendString(dst, a.Addr().String()), true
	}
	return append(appendAddr(append(dst, '"'), a.Addr()), '"'), true
}

func jsonPath(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) { return jsonText(dst, s.Path) }

func jsonInterface(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return jsonText(dst, n.Interface(s))
}

func jsonUser(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return jsonText(dst, userOf(n, s))
}

func jsonModule(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return jsonText(dst, moduleOf(s))
}

func jsonMissing(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	return jsonText(dst, s.Missing.String())
}

// jsonOwners is an array with an object for every descriptor.
func jsonOwners(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	dst = append(dst, '[')
	first := true
	for i := range s.Owners {
		o := &s.Owners[i]
		if o.Process == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendOwner(n, dst, o)
	}
	return append(dst, ']'), true
}

func appendOwner(n *Names, dst []byte, o *netstat.Owner) []byte {
	dst = appendUint(append(dst, `{"pid":`...), uint64(o.Process.PID))
	dst = appendString(append(dst, `,"name":`...), o.Process.Name)
	if o.FD >= 0 {
		dst = appendUint(append(dst, `,"fd":`...), uint64(o.FD))
	}
	return append(n.process(dst, o.Process), '}')
}

// process writes the further fields of a process, each after a comma.
func (n *Names) process(dst []byte, p *netstat.Process) []byte {
	if n == nil || n.Details == nil {
		return appendField(dst, "module", p.Module)
	}
	known, ok := n.details[p]
	if !ok {
		if n.details == nil {
			n.details = make(map[*netstat.Process][]byte)
		}
		known = n.processFields(p)
		n.details[p] = known
	}
	return append(dst, known...)
}

func (n *Names) processFields(p *netstat.Process) (dst []byte) {
	d, _ := n.Details(p)
	dst = appendField(dst, "exe", d.Exe)
	dst = appendField(dst, "cmdline", strings.Join(d.Args, " "))
	if d.Module == "" {
		d.Module = p.Module
	}
	dst = appendField(dst, "module", d.Module)
	dst = appendField(dst, "user", d.User)
	if d.Started.IsZero() {
		d.Started = p.Started
	}
	if !d.Started.IsZero() {
		dst = appendField(dst, "started", d.Started.Format(time.RFC3339))
	}
	return dst
}

// appendField writes a further field of an object, if it says anything.
func appendField(dst []byte, name, text string) []byte {
	if text == "" {
		return dst
	}
	dst = append(append(append(dst, `,"`...), name...), `":`...)
	return appendString(dst, text)
}

func jsonProcesses(_ *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	dst = append(dst, '[')
	for i := range s.Owners {
		if i > 0 {
			dst = append(dst, ',')
		}
		name := ""
		if p := s.Owners[i].Process; p != nil {
			name = p.Name
		}
		dst = appendString(dst, name)
	}
	return append(dst, ']'), true
}

func jsonOwnerList(get ownerValue) jsonFunc {
	text := ownerList(get)
	return func(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
		return append(text(n, append(dst, '['), s), ']'), true
	}
}

// plainJSON reports whether a text stands in JSON as it is.
func plainJSON[T string | []byte](text T) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendString writes a JSON string. Broken UTF-8 becomes U+FFFD, as in encoding/json; what does not print is escaped, so
// that a terminal obeys nothing of it.
func appendString(dst []byte, text string) []byte {
	dst = append(dst, '"')
	if plainJSON(text) {
		return append(append(dst, text...), '"')
	}
	for _, r := range text {
		dst = appendRune(dst, r)
	}
	return append(dst, '"')
}

func appendRune(dst []byte, r rune) []byte {
	switch {
	case r == '"' || r == '\\':
		return append(dst, '\\', byte(r))
	case isPrint(r):
		return utf8.AppendRune(dst, r)
	case r > 0xffff:
		r -= 0x10000
		return appendHex(appendHex(dst, 0xd800+r>>10), 0xdc00+r&0x3ff)
	}
	return appendHex(dst, r)
}

func appendHex(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
