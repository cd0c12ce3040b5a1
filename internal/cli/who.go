package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const whoLong = `Say which processes own a local port.

  sockeye who 8080         TCP and UDP
  sockeye who 53/udp       one of them
  sockeye who https 5432   several ports, names of services

Every process that holds a socket with the port is named: processes that share
it after a fork, listeners side by side (SO_REUSEPORT), IPv4 and IPv6. Where a
container's proxy has the port, what is behind it is looked for (root) or taken
from the proxy's command line. What belongs to nobody (TIME_WAIT, sockets of the
kernel) is told where nobody owns the port, with -a, and to programs.

--geo says where the other ends of the connections are that are shown (-a shows
all), by the databases that sockeye geo finds.

Exit status: 0 when the port is owned, 1 when nobody owns it (connections in
TIME_WAIT belong to nobody), 2 when it could not be found out, mostly for want of
permission, or the command was not understood. Of several ports the worst counts.`

type whoFlags struct {
	all, numeric bool
	placeFlags
	output
}

func (e *Env) whoCommand() *cobra.Command {
	var f whoFlags
	cmd := &cobra.Command{
		Use: "who PORT[/tcp|/udp]...", Short: "Say who owns a port", Long: whoLong, Args: needsPort,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.who(cmd.Context(), &f, args) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&f.all, "all", "a", false, "every connection in a line, and what nobody owns beside what is owned")
	cmd.Flags().BoolVarP(&f.numeric, "numeric", "n", false, "user ids instead of names in the rows")
	f.placeFlags.addTo(cmd)
	f.output.addTo(cmd)
	return cmd
}

func needsPort(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("who needs a port, as in sockeye who 8080")
	}
	return nil
}

// question is one port that was asked for; proto 0 is TCP and UDP.
type question struct {
	port  uint16
	proto netstat.Proto
}

// answer is what is known about one port of one protocol.
type answer struct {
	port    uint16
	proto   netstat.Proto
	sockets []*netstat.Socket
}

func (e *Env) who(ctx context.Context, f *whoFlags, args []string) error {
	names := e.Names
	questions, err := parseQuestions(args, &names)
	if err != nil {
		return err
	}
	if f.numeric {
		names.UserName = nil
	}
	format, err := f.format()
	if err != nil {
		return err
	}
	places, err := e.locate(&f.placeFlags, view.Needs{Geo: f.geo}, &names)
	if err != nil {
		return err
	}
	defer places.close()
	table, err := e.open(true)
	if err != nil {
		return err
	}
	defer table.Close()
	r := &whoRun{flags: f, table: table, names: &names, places: places}
	if err := r.ask(ctx, questions, f.all || format != view.Table); err != nil {
		return err
	}
	return e.answerAll(r, format)
}

// whoRun is a who command on its way.
type whoRun struct {
	flags   *whoFlags
	table   SocketTable
	names   *view.Names
	places  *locator
	asked   []asked
	partial []error
}

// asked is a question and the sockets of the last reading for it, in which those of other ports may be too.
type asked struct {
	question
	sockets []netstat.Socket
}

// ask reads the table. Sockets without an owner take longer to find, so that only a port of which nobody else is found is
// read with them, unless the answer is to be complete.
func (r *whoRun) ask(ctx context.Context, questions []question, complete bool) error {
	for _, q := range questions {
		r.asked = append(r.asked, asked{question: q})
	}
	if err := r.read(ctx, func(*asked) bool { return true }, !complete); err != nil || complete {
		return err
	}
	unowned := func(a *asked) bool { return a.code() != exitFound }
	return r.read(ctx, unowned, false)
}

// read reads the sockets of some of the ports.
func (r *whoRun) read(ctx context.Context, wanted func(*asked) bool, held bool) error {
	var some []*asked
	for i := range r.asked {
		if a := &r.asked[i]; wanted(a) {
			some = append(some, a)
		}
	}
	if len(some) == 0 {
		return nil
	}
	q := whoQuery(some)
	q.Held = held
	var snap netstat.Snapshot
	if err := r.table.Read(q, &snap); err != nil {
		return err
	}
	for _, a := range some {
		a.sockets = snap.Sockets
	}
	if len(some) == len(r.asked) {
		r.partial = nil // nothing is left of an earlier reading
	}
	r.addPartial(snap.Partial)
	return ctx.Err()
}

// addPartial says nothing twice.
func (r *whoRun) addPartial(more []error) {
	for _, p := range more {
		if !slices.ContainsFunc(r.partial, func(said error) bool { return said.Error() == p.Error() }) {
			r.partial = append(r.partial, p)
		}
	}
}

// missing is what is missing from the answers that were written so far.
func (r *whoRun) missing() []error {
	return append(r.partial[:len(r.partial):len(r.partial)], r.places.missing()...)
}

// columns are the needs of rows and objects.
func (r *whoRun) columns() view.Needs {
	return view.Needs{Owners: true, Module: true, Geo: r.flags.geo}
}

func (e *Env) answerAll(r *whoRun, format view.Format) error {
	var answers []answer
	for _, a := range r.asked {
		answers = append(answers, a.answers()...)
	}
	r.names.Details = e.details
	var err error
	switch format {
	case view.JSON:
		err = e.whoJSON(r, answers)
	case view.JSONL, view.CSV:
		err = e.whoRows(r, answers, format)
	default:
		err = e.whoText(r)
	}
	if err != nil {
		return err
	}
	for _, p := range r.missing() {
		e.note(p)
	}
	return quit(worst(r.asked))
}

func whoQuery(questions []*asked) netstat.Query {
	q := netstat.Query{Owner: netstat.OwnerModule, Ordered: true}
	for _, one := range questions {
		q.Protos |= one.protos()
		q.LocalPorts = append(q.LocalPorts, one.port)
	}
	slices.Sort(q.LocalPorts)
	q.LocalPorts = slices.Compact(q.LocalPorts)
	return q
}

func (q question) protos() netstat.Protos {
	switch q.proto {
	case netstat.TCP:
		return netstat.QueryTCP
	case netstat.UDP:
		return netstat.QueryUDP
	}
	return netstat.QueryTCP | netstat.QueryUDP
}

// answers are one for each protocol asked for.
func (q asked) answers() (found []answer) {
	for _, proto := range []netstat.Proto{netstat.TCP, netstat.UDP} {
		if !q.protos().Has(proto) {
			continue
		}
		a := answer{port: q.port, proto: proto}
		for i := range q.sockets {
			if s := &q.sockets[i]; s.Proto == proto && s.Local.Port() == q.port {
				a.sockets = append(a.sockets, s)
			}
		}
		found = append(found, a)
	}
	return found
}

// worst is the exit code: of several ports the worst counts.
func worst(all []asked) int {
	code := exitFound
	for _, a := range all {
		code = max(code, a.code())
	}
	return code
}

// code is the best that the protocols of a port give: owned by one, else hidden in one.
func (q asked) code() int {
	code := exitNotFound
	for _, a := range q.answers() {
		switch c := a.code(); {
		case c == exitFound:
			return exitFound
		case c == exitUnknown:
			code = exitUnknown
		}
	}
	return code
}

// code says whether the port is owned. A socket whose owner is hidden matters only when no other owner is known.
func (a *answer) code() int {
	code := exitNotFound
	for _, s := range a.sockets {
		if len(s.Owners) > 0 {
			return exitFound
		}
		if s.Missing.Hides() {
			code = exitUnknown
		}
	}
	return code
}

func parseQuestions(args []string, names *view.Names) ([]question, error) {
	var all []question
	for _, arg := range args {
		q, err := parseQuestion(arg, names)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, q) {
			all = append(all, q)
		}
	}
	return all, nil
}

var errPort = errors.New("a port is a number from 1 to 65535 or the name of a service, and may end in /tcp or /udp")

func parseQuestion(arg string, names *view.Names) (q question, err error) {
	name, proto, has := strings.Cut(strings.TrimPrefix(arg, ":"), "/")
	switch {
	case has && proto == "tcp":
		q.proto = netstat.TCP
	case has && proto == "udp":
		q.proto = netstat.UDP
	case has:
		return q, fmt.Errorf("%q: %w", arg, errPort)
	}
	if n, err := strconv.ParseUint(name, 10, 16); err == nil {
		q.port = uint16(n)
	} else if name != "" && strings.Trim(name, "0123456789") != "" {
		q.port, _ = names.Service(name)
	}
	if q.port == 0 {
		err = fmt.Errorf("%q: %w", arg, errPort)
	}
	return q, err
}

// whoJSON writes {"schema":1,"ports":[{"port":8080,"proto":"tcp","sockets":[...]}]}.
func (e *Env) whoJSON(r *whoRun, answers []answer) error {
	cols := view.SchemaColumns(r.columns())
	dst := fmt.Appendf(nil, `{"schema":%d,"ports":[`, view.Schema)
	for i, a := range answers {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = fmt.Appendf(dst, "\n"+`{"port":%d,"proto":"%s","sockets":[`, a.port, a.proto)
		for j, s := range a.sockets {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = view.AppendJSON(append(dst, '\n'), cols, r.names, s)
		}
		dst = append(dst, "]}"...)
	}
	dst = append(dst, "\n]"...)
	if missing := r.missing(); len(missing) > 0 {
		dst = view.AppendPartial(dst, missing)
	}
	return e.print(string(append(dst, "}\n"...)))
}

// whoRows writes the rows of all answers.
func (e *Env) whoRows(r *whoRun, answers []answer, format view.Format) error {
	opt := view.Options{Format: format, Names: r.names, Columns: view.SchemaColumns(r.columns())}
	if format == view.CSV {
		opt.Columns = view.FlatColumns(r.columns())
	}
	w := view.NewWriter(e.Stdout, opt)
	for _, a := range answers {
		for _, s := range a.sockets {
			if err := w.Row(s); err != nil {
				return writeFailed(err)
			}
		}
	}
	if err := w.Close(r.missing()); err != nil {
		return writeFailed(err)
	}
	return nil
}
