package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// confirm is a question that names what will be hit.
type confirm struct {
	title string
	lines []string
	keys  string
	on    map[string]func(*Model)
	leave func() error // lets go of what is held
}

// confirmKey answers it. Whatever is no yes is a no.
func (m *Model) confirmKey(k string) {
	c := m.confirm
	switch do := c.on[k]; {
	case do != nil:
		m.confirm = nil
		do(m)
	case k == "n" || k == "N" || k == "esc" || k == "q" || k == "enter" || k == "ctrl+c":
		m.confirm = nil
		if c.leave != nil {
			_ = c.leave() // it was only held
		}
		m.say("nothing was done", false)
	}
	m.move(0)
}

// askClose asks whether the connection under the cursor is to be closed.
func (m *Model) askClose() {
	r := m.current()
	switch {
	case r == nil:
		return
	case m.kind == Processes:
		m.askEnd()
		return
	case r.Socket == nil:
		m.say("only connections can be closed: o shows those of the row", true)
		return
	case m.opt.Actions == nil:
		m.say("connections cannot be closed here", true)
		return
	case r.gone():
		m.say("it is closed already", true)
		return
	}
	target := r.sock
	target.Owners = append([]netstat.Owner(nil), r.sock.Owners...)
	m.confirm = &confirm{title: "Close this connection?", keys: "y close   n leave it",
		lines: []string{m.socketLine(&target), "of " + m.ownersLine(&target), "Its program gets an error at the next call; the other end gets a reset."},
		on:    map[string]func(*Model){"y": func(m *Model) { m.close(&target) }}}
	m.move(0)
}

func (m *Model) close(s *netstat.Socket) {
	what, actions := m.socketLine(s), m.opt.Actions
	m.say("closing "+what, false)
	m.do(func() func(*Model) {
		err := actions.CloseConnection(context.Background(), s)
		return func(m *Model) { m.outcome("closed "+what, err) }
	})
}

// askEnd takes hold of the process under the cursor, and asks whether it is to be ended.
func (m *Model) askEnd() {
	r := m.current()
	switch {
	case r == nil:
		return
	case m.opt.Actions == nil:
		m.say("processes cannot be ended here", true)
		return
	case r.process() == nil:
		m.say("it is not known which process owns this", true)
		return
	}
	p, actions, read := r.process(), m.opt.Actions, m.opt.Details
	others := m.others(r, p)
	m.do(func() func(*Model) {
		held, err := actions.Hold(p)
		if err != nil {
			return func(m *Model) { m.outcome("", err) }
		}
		var d netstat.Details
		if read != nil {
			d, _ = read(p) // what is not known is left out
		}
		return func(m *Model) { m.confirmEnd(p, held, &d, others) }
	})
}

func (m *Model) confirmEnd(p *netstat.Process, held Held, d *netstat.Details, others string) {
	if m.confirm != nil || m.prompt != nil || m.quit {
		_ = held.Close() // something else is being asked
		return
	}
	c := &confirm{title: fmt.Sprintf("End %s[%d]?", view.CleanText(p.Name), p.PID), keys: "y end it   K kill it at once   n leave it", leave: held.Close}
	if len(d.Args) > 0 {
		c.lines = append(c.lines, view.CleanText(strings.Join(d.Args, " ")))
	}
	if d.User != "" {
		c.lines = append(c.lines, "of "+view.CleanText(d.User))
	}
	c.lines = append(c.lines, m.holdings(p))
	if others != "" {
		c.lines = append(c.lines, "The socket is held by others, too, which stay: "+others)
	}
	c.on = map[string]func(*Model){
		"y": func(m *Model) { m.end(p, held, false) },
		"K": func(m *Model) { m.end(p, held, true) },
	}
	m.confirm = c
	m.move(0)
}

func (m *Model) end(p *netstat.Process, held Held, kill bool) {
	who := fmt.Sprintf("%s[%d]", view.CleanText(p.Name), p.PID)
	m.say("ending "+who, false)
	m.do(func() func(*Model) {
		outcome, err := held.End(context.Background(), kill)
		_ = held.Close() // it was only held
		return func(m *Model) { m.outcome(who+" "+outcome, err) }
	})
}

// outcome says what came of it, or why nothing did.
func (m *Model) outcome(done string, err error) {
	if err != nil {
		m.say(strings.Join(strings.Fields(err.Error()), " "), true)
		return
	}
	m.say(done, false)
}

// holdings says what goes with a process.
func (m *Model) holdings(p *netstat.Process) string {
	connections, listeners := 0, []string(nil)
	for _, r := range m.store(Connections).all {
		if !holds(&r.sock, p) || r.gone() {
			continue
		}
		if !listens(&r.sock) {
			connections++
			continue
		}
		if len(listeners) < 6 {
			listeners = append(listeners, fmt.Sprintf("%s %s", r.sock.Proto, r.sock.Local))
		}
	}
	text := "It holds " + plural(connections, "connection")
	if len(listeners) > 0 {
		text += " and listens on " + strings.Join(listeners, ", ")
	}
	return text + "."
}

// others are the owners of a row's socket beside one.
func (m *Model) others(r *row, p *netstat.Process) string {
	var names []string
	for i := range r.sock.Owners {
		q := r.sock.Owners[i].Process
		name := fmt.Sprintf("%s[%d]", view.CleanText(q.Name), q.PID)
		if q != p && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func holds(s *netstat.Socket, p *netstat.Process) bool {
	for i := range s.Owners {
		if q := s.Owners[i].Process; q == p || q.PID == p.PID && q.Started.Equal(p.Started) {
			return true
		}
	}
	return false
}

// socketLine is "tcp 10.0.0.5:43210 -> 93.184.216.34:443 ESTABLISHED".
func (m *Model) socketLine(s *netstat.Socket) string {
	text := m.cell("proto", s) + " " + m.cell("local", s)
	if s.Remote.Port() != 0 || s.Peer != 0 {
		text += " -> " + m.cell("remote", s)
	}
	return text + " " + s.State.String()
}

// ownersLine are the owners, or why there is none.
func (m *Model) ownersLine(s *netstat.Socket) string {
	if text := m.cell("owners", s); text != "" {
		return text
	}
	return "nobody that is known"
}

// cell is one of the socket table's columns of a socket.
func (m *Model) cell(name string, s *netstat.Socket) string {
	return string(view.Columns(name)[0].Append(m.opt.Names, nil, s))
}
