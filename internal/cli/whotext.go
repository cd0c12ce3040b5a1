package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// fewRows is how many connections are worth a line each without -a.
const fewRows = 3

// page gathers what is printed for a person. What it is given is made safe to show.
type page struct{ strings.Builder }

func (p *page) line(label, format string, args ...any) {
	text := view.CleanText(fmt.Sprintf(format, args...))
	fmt.Fprintf(p, "  %-11s  %s\n", label, text)
}

func (p *page) title(format string, args ...any) {
	if p.Len() > 0 {
		p.WriteByte('\n')
	}
	p.WriteString(view.CleanText(fmt.Sprintf(format, args...)) + "\n")
}

// whoText answers every question in turn. Of a port that one protocol owns, the other, which has nothing, is not mentioned.
func (e *Env) whoText(r *whoRun) error {
	var p page
	for _, q := range r.asked {
		answers := q.answers()
		silent := func(a answer) bool { return len(a.sockets) == 0 }
		if slices.ContainsFunc(answers, func(a answer) bool { return !silent(a) }) {
			answers = slices.DeleteFunc(answers, silent)
		} else if q.proto == 0 {
			p.title("port %d: nobody", q.port)
			continue
		}
		for _, a := range answers {
			e.answerText(&p, r, &a)
		}
	}
	return e.print(p.String())
}

// holding is a process and the sockets of an answer that it holds.
type holding struct {
	process *netstat.Process
	sockets []*netstat.Socket
}

func (e *Env) answerText(p *page, r *whoRun, a *answer) {
	name := fmt.Sprintf("%s port %d", a.proto, a.port)
	holdings := a.holdings()
	for _, h := range holdings {
		p.title("%s: %s[%d]", name, h.process.Name, h.process.PID)
		e.holdingText(p, r, a, &h)
	}
	e.unownedText(p, r, a, name, len(holdings) > 0)
}

// holdings are the owners, in ascending order of their ids.
func (a *answer) holdings() (all []holding) {
	for _, s := range a.sockets {
		for _, o := range s.Owners {
			i := slices.IndexFunc(all, func(h holding) bool { return h.process.PID == o.Process.PID })
			if i < 0 {
				i, all = len(all), append(all, holding{process: o.Process})
			}
			if h := &all[i]; !slices.Contains(h.sockets, s) {
				h.sockets = append(h.sockets, s)
			}
		}
	}
	slices.SortFunc(all, func(a, b holding) int { return cmp.Compare(a.process.PID, b.process.PID) })
	return all
}

func (e *Env) holdingText(p *page, r *whoRun, a *answer, h *holding) {
	d, err := e.Details(h.process)
	if len(d.Args) > 0 {
		p.line("command", "%s", shellWords(d.Args))
	}
	if d.Exe != "" {
		p.line("executable", "%s", d.Exe)
	}
	if d.User != "" {
		p.line("user", "%s", d.User)
	}
	if since := cmp.Or(d.Started, h.process.Started); !since.IsZero() {
		p.line("since", "%s (%s ago)", since.In(e.Now().Location()).Format(time.DateTime), ago(e.Now().Sub(since)))
	}
	if unit := cmp.Or(d.Module, h.process.Module, h.sockets[0].Module); unit != "" {
		p.line("unit", "%s", unit)
	}
	if len(d.Parents) > 0 {
		p.line("parents", "%s", parentChain(d.Parents))
	}
	e.socketsText(p, r, h.sockets)
	if err != nil {
		p.line("note", "%v", err)
	}
	e.behindText(p, r, a, h, &d)
}

func parentChain(parents []netstat.Parent) string {
	var names []string
	for _, q := range parents {
		names = append(names, fmt.Sprintf("%s[%d]", q.Name, q.PID))
	}
	return strings.Join(names, " < ")
}

// shellWords joins arguments as a shell would take them, save a single one: programs that rename themselves have one with
// spaces.
func shellWords(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	words := make([]string, len(args))
	for i, a := range args {
		if words[i] = a; a == "" || strings.ContainsAny(a, " \t\n\"'\\$`|&;<>()*?") {
			words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// socketsText says where the process listens, and sums its connections up.
func (e *Env) socketsText(p *page, r *whoRun, sockets []*netstat.Socket) {
	var listens []string
	var rest []*netstat.Socket
	for _, s := range sockets {
		switch s.State {
		case netstat.Listen, netstat.Unconnected, netstat.Bound:
			listens = append(listens, appendPlace(r.names, s))
		default:
			rest = append(rest, s)
		}
	}
	if len(listens) > 0 {
		p.line(listenWord(sockets), "%s", strings.Join(slices.Compact(listens), ", "))
	}
	e.connectionsText(p, r, rest, len(listens) > 0)
}

func listenWord(sockets []*netstat.Socket) string {
	for _, s := range sockets {
		if s.State == netstat.Bound {
			return "bound to"
		}
	}
	return "listens on"
}

func appendPlace(n *view.Names, s *netstat.Socket) string {
	text := columnText(n, "local", s)
	if dev := n.Interface(s); dev != "" {
		text += " on " + dev
	}
	return text
}

func columnText(n *view.Names, name string, s *netstat.Socket) string {
	return string(view.Columns(name)[0].Append(n, nil, s))
}

func (e *Env) connectionsText(p *page, r *whoRun, rest []*netstat.Socket, listening bool) {
	if len(rest) == 0 {
		return
	}
	if listening || len(rest) > fewRows {
		p.line("connections", "%s", countStates(rest))
	}
	if !r.flags.all && (listening || len(rest) > fewRows) {
		return
	}
	for _, s := range rest {
		p.line("", "%s -> %s %s%s", columnText(r.names, "local", s), columnText(r.names, "remote", s), s.State, r.placeText(s))
	}
}

// placeText is where the other end of a connection is, behind the rest of the line.
func (r *whoRun) placeText(s *netstat.Socket) string {
	if !r.flags.geo {
		return ""
	}
	text := columnText(r.names, "place", s)
	if text != "" {
		text = "  " + text
	}
	return text
}

// countStates is "12 ESTABLISHED, 1 CLOSE_WAIT".
func countStates(sockets []*netstat.Socket) string {
	counts := make(map[netstat.State]int)
	for _, s := range sockets {
		counts[s.State]++
	}
	var words []string
	for _, st := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[st], st))
	}
	return strings.Join(words, ", ")
}

// unownedText speaks of the rows that no process stands behind, or none that we may see.
func (e *Env) unownedText(p *page, r *whoRun, a *answer, name string, owned bool) {
	var reasons []netstat.Missing
	rows := make(map[netstat.Missing][]*netstat.Socket)
	for _, s := range a.sockets {
		if len(s.Owners) > 0 && !s.Missing.Hides() {
			continue
		}
		if rows[s.Missing] == nil {
			reasons = append(reasons, s.Missing)
		}
		rows[s.Missing] = append(rows[s.Missing], s)
	}
	switch {
	case !owned && a.code() == exitUnknown:
		p.title("%s: the owner could not be found out", name)
	case !owned:
		p.title("%s: nobody", name)
	case len(reasons) > 0:
		p.title("%s: besides", name)
	}
	slices.Sort(reasons)
	for _, m := range reasons {
		e.missingText(p, r, m, rows[m])
	}
}

// missingText says what has no owner, or none that may be seen; of those the socket itself tells the user and the unit.
func (e *Env) missingText(p *page, r *whoRun, m netstat.Missing, rows []*netstat.Socket) {
	if !m.Hides() {
		p.line("no owner", "%s: %s", countStates(rows), whyOwnerless(m))
		return
	}
	groups := byUserAndUnit(r.names, rows)
	if len(groups) == 1 {
		p.line("hidden", "%s; %s", groups[0], whyHidden(m))
		return
	}
	label := "hidden"
	for _, text := range groups {
		p.line(label, "%s", text)
		label = ""
	}
	p.line("", "%s", whyHidden(m))
}

func whyHidden(m netstat.Missing) string {
	if m == netstat.MissingPermission {
		return "not permitted to see the process; see sockeye doctor"
	}
	return "the system does not tell the process"
}

func whyOwnerless(m netstat.Missing) string {
	switch m {
	case netstat.MissingTimeWait:
		return "closed, the kernel keeps the port for late packets"
	case netstat.MissingOrphan:
		return "the process has closed it, the kernel finishes the connection"
	case netstat.MissingNotAccepted:
		return "not accepted by the listener yet"
	case netstat.MissingNoHolder:
		return "no process has it open, the kernel itself may use it"
	}
	return m.String()
}

// byUserAndUnit sums sockets up for each user and unit, in the order in which these come.
func byUserAndUnit(n *view.Names, rows []*netstat.Socket) (texts []string) {
	groups := make(map[string][]*netstat.Socket)
	var order []string
	for _, s := range rows {
		of := userAndUnit(n, s)
		if groups[of] == nil {
			order = append(order, of)
		}
		groups[of] = append(groups[of], s)
	}
	for _, of := range order {
		texts = append(texts, countStates(groups[of])+of)
	}
	return texts
}

func userAndUnit(n *view.Names, s *netstat.Socket) (text string) {
	if s.HasUID {
		text += " of user " + n.User(s.UID)
	}
	if s.Module != "" {
		text += ", unit " + s.Module
	}
	return text
}

// ago is a time span in the one unit that says most.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}
