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
from the proxy's command line.

Exit status: 0 when the port is owned, 1 when nobody owns it (connections in
TIME_WAIT belong to nobody), 2 when it could not be found out, mostly for want of
permission, or the command was not understood. Of several ports the worst counts.`

type whoFlags struct {
	all, numeric bool
	output
}

func (e *Env) whoCommand() *cobra.Command {
	var f whoFlags
	cmd := &cobra.Command{
		Use: "who PORT[/tcp|/udp]...", Short: "Say who owns a port", Long: whoLong, Args: cobra.MinimumNArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return e.who(cmd.Context(), &f, args) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&f.all, "all", "a", false, "list the connections one by one")
	cmd.Flags().BoolVarP(&f.numeric, "numeric", "n", false, "user ids instead of names in the rows")
	f.output.addTo(cmd)
	return cmd
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
	table, err := e.open()
	if err != nil {
		return err
	}
	defer table.Close()
	var snap netstat.Snapshot
	if err := table.Read(whoQuery(questions), &snap); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return e.answerAll(&whoRun{flags: f, table: table, names: &names, questions: questions, snap: &snap}, format)
}

// whoRun is a who command on its way.
type whoRun struct {
	flags     *whoFlags
	table     SocketTable
	names     *view.Names
	questions []question
	snap      *netstat.Snapshot
}

func (e *Env) answerAll(r *whoRun, format view.Format) error {
	var answers []answer
	for _, q := range r.questions {
		answers = append(answers, q.answers(r.snap.Sockets)...)
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
	for _, p := range r.snap.Partial {
		e.note(p)
	}
	return quit(worst(r.questions, r.snap.Sockets))
}

func whoQuery(questions []question) netstat.Query {
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
func (q question) answers(sockets []netstat.Socket) (found []answer) {
	for _, proto := range []netstat.Proto{netstat.TCP, netstat.UDP} {
		if !q.protos().Has(proto) {
			continue
		}
		a := answer{port: q.port, proto: proto}
		for i := range sockets {
			if s := &sockets[i]; s.Proto == proto && s.Local.Port() == q.port {
				a.sockets = append(a.sockets, s)
			}
		}
		found = append(found, a)
	}
	return found
}

// worst is the exit code: of each port the best its protocols give, of several ports the worst.
func worst(questions []question, sockets []netstat.Socket) int {
	code := exitFound
	for _, q := range questions {
		one := exitNotFound
		for _, a := range q.answers(sockets) {
			switch c := a.code(); {
			case c == exitFound:
				one = exitFound
			case c == exitUnknown && one != exitFound:
				one = exitUnknown
			}
		}
		code = max(code, one)
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
	cols := view.SchemaColumns(view.Needs{Owners: true, Module: true})
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
	if len(r.snap.Partial) > 0 {
		dst = view.AppendPartial(dst, r.snap.Partial)
	}
	return e.print(string(append(dst, "}\n"...)))
}

// whoRows writes the rows of all answers.
func (e *Env) whoRows(r *whoRun, answers []answer, format view.Format) error {
	needs := view.Needs{Owners: true, Module: true}
	opt := view.Options{Format: format, Names: r.names, Columns: view.SchemaColumns(needs)}
	if format == view.CSV {
		opt.Columns = view.FlatColumns(needs)
	}
	w := view.NewWriter(e.Stdout, opt)
	for _, a := range answers {
		for _, s := range a.sockets {
			if err := w.Row(s); err != nil {
				return writeFailed(err)
			}
		}
	}
	if err := w.Close(r.snap.Partial); err != nil {
		return writeFailed(err)
	}
	return nil
}
