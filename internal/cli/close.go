package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const closeLong = `Close connections over the heads of their owners: those that a filter matches, as
list has it.

  sockeye close dst 203.0.113.7                        to one host
  sockeye close state close-wait and process = java    that a program has forgotten
  sockeye close sport = :8080 --yes                    of one server, without asking

What would be closed is shown, and you are asked; where there is no terminal, say
--yes. The owner gets an error at its next call (ECONNABORTED), the other end a
reset. TCP connections in every state are closed, and UDP sockets that have a peer
(Linux). A listener is none: sockeye kill ends its owner.

A connection that a program holds which has started this one, such as that of your
own ssh session, is kept, unless --own is given.

On Linux it takes root (CAP_NET_ADMIN) and a kernel with CONFIG_INET_DIAG_DESTROY,
which distributions have; on Windows an Administrator. A connection is known by its
cookie: when it ends while you think, and another one has the same addresses, that
one is not hit.

Each connection has one of these results: closed; gone (it ended by itself); denied,
unsupported, failed; kept; would_close.

Exit status: 0 when all that matched are closed, 1 when nothing matches or you said
no, 2 when one could not be closed or the command was not understood.`

type closeFlags struct {
	allNetNS, numeric, own bool
	consent
	placeFlags
	output
}

func (e *Env) closeCommand() *cobra.Command {
	var f closeFlags
	cmd := &cobra.Command{
		Use: "close [flags] FILTER", Short: "Close connections", Long: closeLong, Args: needsFilter,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.close(cmd.Context(), &f, args) },
		ValidArgsFunction: completeFilter,
	}
	fs := cmd.Flags()
	f.consent.addTo(cmd)
	fs.BoolVar(&f.own, "own", false, "also the connections of programs that have started this one")
	fs.BoolVar(&f.allNetNS, "all-netns", false, "in every network namespace (Linux, root)")
	fs.BoolVarP(&f.numeric, "numeric", "n", false, "user ids instead of names")
	f.placeFlags.addTo(cmd)
	f.output.addTo(cmd)
	return cmd
}

func needsFilter(_ *cobra.Command, args []string) error {
	if strings.TrimSpace(strings.Join(args, "")) == "" {
		return errors.New("close needs a filter, as in sockeye close dst 203.0.113.7")
	}
	return nil
}

// closing is a close command on its way.
type closing struct {
	env   *Env
	flags *closeFlags
	list  *listing
	only  func(*netstat.Socket) bool // beyond the filter; nil is all

	found   []closable
	others  int // sockets that match and are no connections
	partial []error
}

// closable is a connection and what became of it.
type closable struct {
	socket *netstat.Socket
	result string
	err    error
}

// The results that are no Reason of act.
const (
	resultClosed     = "closed"
	resultKept       = "kept"
	resultWouldClose = "would_close"
)

func (e *Env) close(ctx context.Context, f *closeFlags, args []string) error {
	if err := e.mayAsk(&f.consent); err != nil {
		return err
	}
	list, err := e.plan(&listFlags{processes: true, allNetNS: f.allNetNS, numeric: f.numeric, placeFlags: f.placeFlags, output: f.output}, args)
	if err != nil {
		return err
	}
	defer list.places.close()
	c := &closing{env: e, flags: f, list: list}
	if err := c.find(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.todo() == 0 {
		return c.nothing()
	}
	if err := c.decide(ctx); err != nil {
		return err
	}
	return c.report()
}

// find reads the connections that match. The cookies tell each from a later one of the same addresses.
func (c *closing) find() error {
	if c.list.never {
		return nil
	}
	table, err := c.env.open(false)
	if err != nil {
		return err
	}
	defer table.Close()
	q := c.list.query
	q.Cookies, q.Ordered, q.Owner = true, true, max(q.Owner, netstat.OwnerPID)
	var snap netstat.Snapshot
	if err := table.Read(q, &snap); err != nil {
		return err
	}
	c.partial = append(snap.Partial, c.list.places.missing()...)
	ours := append(c.env.Do.Ancestors(), os.Getpid())
	for i := range snap.Sockets {
		s := &snap.Sockets[i]
		if c.only != nil && !c.only(s) {
			continue
		}
		if !c.list.filter.Match(s) {
			if s.Missing.Hides() && c.list.filter.Needs().Owners {
				c.list.hidden++
			}
			continue
		}
		c.list.rows++
		if !act.IsConnection(s) {
			c.others++
			continue
		}
		c.add(s, ours)
	}
	return nil
}

var errOwn = errors.New("held by a program that has started this one: --own closes it, too")

func (c *closing) add(s *netstat.Socket, ours []int) {
	one := closable{socket: s}
	held := func(o netstat.Owner) bool { return slices.Contains(ours, o.Process.PID) && o.Process.PID > 1 }
	if !c.flags.own && slices.ContainsFunc(s.Owners, held) {
		one.result, one.err = resultKept, errOwn
	}
	c.found = append(c.found, one)
}

// todo is how many are to be closed.
func (c *closing) todo() (n int) {
	for _, one := range c.found {
		if one.result == "" {
			n++
		}
	}
	return n
}

// nothing says why there is nothing to do.
func (c *closing) nothing() error {
	if len(c.found) > 0 || c.list.opt.Format != view.Table {
		if err := c.write(); err != nil {
			return err
		}
	}
	for _, p := range c.partial {
		c.env.note(p)
	}
	switch {
	case len(c.found) > 0:
		return quit(exitUnknown)
	case c.others > 0:
		return &exit{code: exitNotFound, err: fmt.Errorf("no connection matches, but %s that has none: see sockeye kill, which ends the owner", count(c.others, "socket"))}
	case c.list.hidden > 0:
		return c.list.verdict()
	}
	return quit(exitNotFound)
}

// decide asks, and closes.
func (c *closing) decide(ctx context.Context) error {
	if c.flags.dryRun {
		c.each(func(one *closable) { one.result = resultWouldClose })
		return nil
	}
	n := c.todo()
	question := fmt.Sprintf("Close these %d connections?", n)
	if n == 1 {
		question = "Close this connection?"
	}
	shown := ""
	if !c.flags.yes {
		shown = c.preview()
	}
	if err := c.env.confirm(ctx, &c.flags.consent, shown, question); err != nil {
		return err
	}
	closer := c.env.Do.Closer()
	defer closer.Close()
	c.each(func(one *closable) {
		one.result = resultClosed
		if one.err = closer.Connection(act.ConnectionOf(one.socket)); one.err != nil {
			one.result = act.ReasonOf(one.err).String()
		}
	})
	return nil
}

func (c *closing) each(do func(*closable)) {
	for i := range c.found {
		if one := &c.found[i]; one.result == "" {
			do(one)
		}
	}
}

// preview is the table of what will be closed.
func (c *closing) preview() string {
	opt := view.Options{Format: view.Table, Names: c.list.opt.Names, Width: c.env.Width}
	names := []string{"proto", "state", "local", "remote", "owners"}
	if c.flags.allNetNS {
		names = append([]string{"netns"}, names...)
	}
	if c.flags.geo {
		names = append(names, "place")
	}
	opt.Columns = view.Columns(names...)
	var b bytes.Buffer
	w := view.NewWriter(&b, opt)
	c.each(func(one *closable) { _ = w.Row(one.socket) })
	_ = w.Close(nil)
	return b.String()
}

func (c *closing) report() error {
	if err := c.write(); err != nil {
		return err
	}
	for _, p := range c.partial {
		c.env.note(p)
	}
	code := exitFound
	for _, one := range c.found {
		switch one.result {
		case resultClosed, resultWouldClose, act.Gone.String():
		default:
			code = exitUnknown
		}
	}
	return quit(code)
}

func (c *closing) write() error {
	if c.list.opt.Format == view.Table {
		return c.env.print(c.text())
	}
	opt := c.list.opt
	needs := view.Needs{Owners: true, Geo: c.flags.geo}
	opt.Columns = view.SchemaColumns(needs)
	if opt.Format == view.CSV {
		opt.Columns = view.FlatColumns(needs)
	}
	out := view.NewObjects(c.env.Stdout, opt, "connections")
	for _, one := range c.found {
		out.Begin()
		out.Text("result", one.result)
		out.Text("error", failText(one.err))
		out.Socket(opt.Columns, opt.Names, one.socket)
		if err := out.End(); err != nil {
			return writeFailed(err)
		}
	}
	if err := out.Close(c.partial); err != nil {
		return writeFailed(err)
	}
	return nil
}

func failText(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(errors.New(whyNot(err)))
}

// text is a line for each connection. What went wrong with many in the same way is said once.
func (c *closing) text() string {
	var b strings.Builder
	said := map[string]bool{}
	for _, one := range c.found {
		line := fmt.Sprintf("%-12s %s%s", strings.ReplaceAll(one.result, "_", " "), act.ConnectionOf(one.socket), ownersText(one.socket))
		if text := failText(one.err); text != "" && one.result != act.Gone.String() && !said[text] {
			said[text] = true
			line += ": " + text
		}
		b.WriteString(view.CleanText(line) + "\n")
	}
	return b.String()
}

// ownersText names the processes that hold a socket, each once.
func ownersText(s *netstat.Socket) (text string) {
	var said []int
	for _, o := range s.Owners {
		if !slices.Contains(said, o.Process.PID) {
			said = append(said, o.Process.PID)
			text += fmt.Sprintf(" %s[%d]", o.Process.Name, o.Process.PID)
		}
	}
	return text
}
