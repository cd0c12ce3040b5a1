package cli

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// preview says of each process what who says.
func (k *killing) preview() string {
	k.names.Details = k.env.details
	run := &whoRun{flags: &whoFlags{}, table: k.table, names: &k.names}
	var p page
	k.each(func(v *victim) {
		p.title("%s: %s", portsText(v.sockets), v)
		first := v.sockets[0]
		a := &answer{port: first.Local.Port(), proto: first.Proto, sockets: v.sockets}
		k.env.holdingText(&p, run, a, &holding{process: v.process, sockets: v.sockets})
	})
	return p.String()
}

// portsText is "tcp port 8080, udp port 53".
func portsText(sockets []*netstat.Socket) string {
	var list []string
	for _, s := range sockets {
		list = append(list, fmt.Sprintf("%s port %d", s.Proto, s.Local.Port()))
	}
	return strings.Join(distinct(list), ", ")
}

func distinct(list []string) (kept []string) {
	seen := map[string]bool{}
	for _, text := range list {
		if !seen[text] {
			seen[text] = true
			kept = append(kept, text)
		}
	}
	return kept
}

// askText is "End nginx[4242] and nginx[4243]? (TERM, KILL after 5s)".
func (k *killing) askText() string {
	var names []string
	k.each(func(v *victim) { names = append(names, v.String()) })
	what := "End " + joinAnd(names) + "?"
	switch {
	case k.how.Signal != 0 && !act.Ends(k.how.Signal):
		return view.CleanText(fmt.Sprintf("Send %s to %s?", act.SignalName(k.how.Signal), joinAnd(names)))
	case k.how.Signal != 0:
		what += " (" + act.SignalName(k.how.Signal) + ")"
	default:
		what += fmt.Sprintf(" (TERM, KILL after %v)", k.how.Grace)
	}
	return view.CleanText(what)
}

// joinAnd is "a, b and c".
func joinAnd(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	last := len(list) - 1
	return strings.Join(list[:last], ", ") + " and " + list[last]
}

func (k *killing) write() error {
	if k.format == view.Table {
		return k.env.print(k.text())
	}
	out := view.NewObjects(k.env.Stdout, view.Options{Format: k.format, Time: k.env.Now(), Host: k.env.Hostname()}, "processes")
	for _, v := range k.victims {
		out.Begin()
		out.Text("result", v.result)
		out.Text("error", failText(v.err))
		out.Uint("pid", uint64(v.process.PID), true)
		out.Text("name", v.process.Name)
		out.Text("module", v.process.Module)
		out.Time("started", v.process.Started)
		out.List("ports", portList(v.sockets), true)
		if err := out.End(); err != nil {
			return writeFailed(err)
		}
	}
	if err := out.Close(k.partial); err != nil {
		return writeFailed(err)
	}
	return nil
}

// portList is 8080/tcp, 53/udp: as it can be given to kill again.
func portList(sockets []*netstat.Socket) (list []string) {
	for _, s := range sockets {
		list = append(list, fmt.Sprintf("%d/%s", s.Local.Port(), s.Proto))
	}
	return distinct(list)
}

// text says what became of each process, and then of each port.
func (k *killing) text() string {
	var b strings.Builder
	for _, v := range k.victims {
		text := k.resultText(v)
		fmt.Fprintf(&b, "%s\n", view.CleanText(v.String()+" "+text))
	}
	if k.flags.dryRun || len(k.victims) > 0 && k.how.Signal != 0 && !act.Ends(k.how.Signal) {
		return b.String()
	}
	for _, q := range k.asked {
		state := "is free"
		if len(k.victims) == 0 {
			state = "is owned by nobody"
		}
		fmt.Fprintf(&b, "%s %s%s\n", q.name(), state, k.restText(q))
	}
	return b.String()
}

func (k *killing) resultText(v *victim) string {
	switch v.result {
	case act.Killed.String():
		if k.how.Signal == 0 {
			return fmt.Sprintf("did not end by TERM within %v, and was killed", k.flags.timeout)
		}
		return "was killed"
	case act.Gone.String():
		return "had ended by itself"
	case act.Signalled.String():
		return "was sent " + act.SignalName(k.how.Signal)
	case resultLeft:
		return "does not have the port any more, and was left alone"
	case resultWouldEnd:
		return "would be ended, for " + portsText(v.sockets)
	}
	return strings.ReplaceAll(v.result, "_", " ")
}

// name is "tcp port 8080", or "port 8080" of both.
func (q question) name() string {
	if q.proto == 0 {
		return fmt.Sprintf("port %d", q.port)
	}
	return fmt.Sprintf("%s port %d", q.proto, q.port)
}

// restText says which connections there still are, since they matter to some programs that want the port.
func (k *killing) restText(q question) string {
	var rest []*netstat.Socket
	waiting := 0
	for i := range k.snap.Sockets {
		s := &k.snap.Sockets[i]
		if s.Local.Port() == q.port && q.protos().Has(s.Proto) && !owns(s) {
			rest = append(rest, s)
			if s.State == netstat.TimeWait {
				waiting++
			}
		}
	}
	switch {
	case len(rest) == 0:
		return ""
	case waiting == len(rest):
		return fmt.Sprintf(" (%s, which hinders only programs that do not set SO_REUSEADDR, for a minute at most)", countStates(rest))
	}
	return fmt.Sprintf(" (connections there: %s)", countStates(rest))
}
