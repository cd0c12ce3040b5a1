package cli

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/pipe"
)

const pipeListLong = `List the pipes of this machine.

On Linux these are the pipes that programs with sockeye's package have made,
of every user as far as they can be seen; -a adds all Unix sockets with a path on
which somebody listens. A pipe's state is listening, busy (no further client finds
room), or stale: its server has died and left the file. CLIENTS are those that are
connected, MAX how many may be at once, where there is a limit.

On Windows they are all pipes, with the number of their instances. Windows tells
neither owner nor state of a pipe to those who are not connected to it.

Exit status: 0 when there is a pipe, 1 when there is none, 2 when it could not be
found out.`

// pipeRow is one pipe.
type pipeRow struct {
	pipe.Listed
	state   string
	clients int
	counted bool            // clients are known
	waiting int             // clients that were not accepted yet
	socket  *netstat.Socket // that listens; nil is not known
}

type pipeListFlags struct {
	all, noHeader bool
	output
}

func (e *Env) pipeListCommand() *cobra.Command {
	var f pipeListFlags
	cmd := &cobra.Command{
		Use: "list [flags]", Short: "List the pipes of this machine", Long: pipeListLong, Args: cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return e.pipeList(cmd.Context(), &f) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().BoolVarP(&f.all, "all", "a", false, "every Unix socket with a path on which somebody listens (Linux)")
	cmd.Flags().BoolVarP(&f.noHeader, "no-header", "H", false, "no header line")
	f.output.addTo(cmd)
	return cmd
}

func (e *Env) pipeList(ctx context.Context, f *pipeListFlags) error {
	format, err := f.format()
	if err != nil {
		return err
	}
	if _, err := e.colored(&f.output); err != nil {
		return err
	}
	names := e.Names
	rows, partial, err := e.pipeRows(f.all, true)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(rows, (*pipeRow).hidden) {
		partial = nil // what is missing is none of theirs
	}
	if format == view.Table {
		err = e.pipeTable(rows, &names, f)
	} else {
		err = e.pipeObjects(rows, &names, f, format, partial)
	}
	if err != nil {
		return err
	}
	for _, p := range partial {
		e.note(p)
	}
	if len(rows) == 0 {
		return quit(exitNotFound)
	}
	return nil
}

// pipeRows joins what the system lists with the Unix sockets of the socket table.
func (e *Env) pipeRows(all, owners bool) (rows []*pipeRow, partial []error, err error) {
	if e.Pipes == nil {
		return nil, nil, nil
	}
	pipes, err := e.Pipes()
	switch {
	case err != nil && len(pipes) == 0:
		return nil, nil, err
	case err != nil:
		e.note(err)
	}
	byPath := make(map[string]*pipeRow)
	for _, p := range pipes {
		p.Name = cmp.Or(p.Name, p.Path)
		r := &pipeRow{Listed: p}
		if rows = append(rows, r); p.Path != "" {
			byPath[p.Path] = r
		}
	}
	if e.PipeAt != nil { // pipes are Unix sockets
		if rows, partial, err = e.addSockets(rows, byPath, all, owners); err != nil {
			return nil, nil, err
		}
	}
	for _, r := range rows {
		r.decide()
	}
	slices.SortFunc(rows, func(a, b *pipeRow) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Path, b.Path))
	})
	return rows, partial, nil
}

// addSockets finds who listens, and counts who is connected: their sockets have the listener's path.
func (e *Env) addSockets(rows []*pipeRow, byPath map[string]*pipeRow, all, owners bool) ([]*pipeRow, []error, error) {
	table, err := e.open(true)
	if err != nil {
		return nil, nil, err
	}
	defer table.Close()
	q := netstat.Query{Protos: netstat.QueryUnix}
	if owners {
		q.Owner = netstat.OwnerPID
	}
	var snap netstat.Snapshot
	if err := table.Read(q, &snap); err != nil {
		return nil, nil, err
	}
	connected := make(map[string]int)
	for i := range snap.Sockets {
		s := &snap.Sockets[i]
		switch {
		case !path.IsAbs(s.Path) || s.Type != netstat.Stream && s.Type != netstat.SeqPacket:
		case s.State == netstat.Listen:
			if r := e.listening(byPath, s, all); r != nil {
				rows = append(rows, r)
			}
		default:
			connected[s.Path]++
		}
	}
	for _, r := range rows {
		r.clients, r.counted = connected[r.Path], true
	}
	return rows, snap.Partial, nil
}

// listening notes a listener, and returns a row for one that is not in the list.
func (e *Env) listening(byPath map[string]*pipeRow, s *netstat.Socket, all bool) (added *pipeRow) {
	r := byPath[s.Path]
	if r == nil {
		p, ok := e.PipeAt(s.Path)
		if !ok && !all {
			return nil
		}
		if !ok {
			p = pipe.Listed{Name: s.Path}
		}
		p.Path = s.Path
		added = &pipeRow{Listed: p}
		r = added
		byPath[s.Path] = r
	}
	r.socket, r.TypeKnown, r.Type = s, true, pipe.Byte
	if s.Type == netstat.SeqPacket {
		r.Type = pipe.Message
	}
	return added
}

// hidden reports whether the pipe may have an owner that is not seen.
func (r *pipeRow) hidden() bool { return r.socket != nil && r.socket.Missing.Hides() }

// decide says in which state the pipe is. The kernel's queue of a listener holds one more than its limit.
func (r *pipeRow) decide() {
	switch s := r.socket; {
	case s != nil && s.HasQueues && s.RecvQ > s.SendQ:
		r.state, r.waiting = "busy", int(s.RecvQ)
	case s != nil:
		r.state, r.waiting = "listening", int(s.RecvQ)
	case r.Dead:
		r.state = "stale"
	}
	if r.Path == "" {
		r.clients, r.counted = r.Instances, true
	}
}

func (r *pipeRow) typeText() string {
	switch {
	case !r.TypeKnown:
		return ""
	}
	return r.Type.String()
}

func (r *pipeRow) userText(names *view.Names) string {
	user := r.User
	if r.socket != nil && r.socket.HasUID {
		user = strconv.FormatUint(uint64(r.socket.UID), 10)
	}
	if uid, err := strconv.ParseUint(user, 10, 32); err == nil && names.UserName != nil {
		return cmp.Or(names.UserName(uint32(uid)), user)
	}
	return user
}

func (r *pipeRow) ownerText(names *view.Names) string {
	if r.socket == nil {
		return ""
	}
	return columnText(names, "owners", r.socket)
}

func numberText(n int, known bool) string {
	if !known {
		return ""
	}
	return strconv.Itoa(n)
}

// pipeTable writes what the system has: columns that nothing is known for are not there.
func (e *Env) pipeTable(rows []*pipeRow, names *view.Names, f *pipeListFlags) error {
	if len(rows) == 0 {
		return nil
	}
	cols := []view.GridColumn{{Header: "NAME", Shrink: 20}, {Header: "INSTANCES", Right: true}}
	cells := func(r *pipeRow) []string { return []string{view.CleanText(r.Name), numberText(r.clients, true)} }
	if e.PipeAt != nil {
		cols = []view.GridColumn{{Header: "NAME", Shrink: 20}, {Header: "TYPE"}, {Header: "STATE"}, {Header: "CLIENTS", Right: true},
			{Header: "MAX", Right: true, Drop: 2}, {Header: "USER", Drop: 1}, {Header: "OWNER", Shrink: 12}}
		cells = func(r *pipeRow) []string {
			return []string{view.CleanText(r.Name), r.typeText(), r.state, numberText(r.clients, r.counted), numberText(r.MaxInstances, r.MaxInstances > 0),
				view.CleanText(r.userText(names)), r.ownerText(names)}
		}
	}
	width := 0
	if e.Terminal {
		width, _ = e.size()
	}
	all := make([][]string, len(rows))
	for i, r := range rows {
		all[i] = cells(r)
	}
	return e.printLines(view.NewGrid(cols).Lines(all, width, !f.noHeader))
}

func (e *Env) pipeObjects(rows []*pipeRow, names *view.Names, f *pipeListFlags, format view.Format, partial []error) error {
	o := view.NewObjects(e.Stdout, view.Options{Format: format, NoHeader: f.noHeader, Time: e.Now(), Host: e.Hostname()}, "pipes")
	for _, r := range rows {
		o.Begin()
		o.Text("name", r.Name)
		o.Text("path", r.Path)
		o.Text("type", r.typeText())
		o.Text("state", r.state)
		if e.PipeAt != nil {
			o.Uint("clients", uint64(r.clients), r.counted)
			o.Uint("waiting", uint64(r.waiting), r.socket != nil)
		} else {
			o.Uint("instances", uint64(r.clients), true)
		}
		o.Uint("max", uint64(r.MaxInstances), r.MaxInstances > 0)
		o.Text("user", r.userText(names))
		pid, process, all := r.owners()
		o.Uint("pid", uint64(pid), pid != 0)
		o.Text("process", process)
		o.List("owners", all, len(all) > 0)
		if err := o.End(); err != nil {
			return writeFailed(err)
		}
	}
	if err := o.Close(partial); err != nil {
		return writeFailed(err)
	}
	return nil
}

// owners are the first process that has the listening socket, and all of them.
func (r *pipeRow) owners() (pid int, process string, all []string) {
	if r.socket == nil {
		return 0, "", nil
	}
	for i, o := range r.socket.Owners {
		if i == 0 {
			pid, process = o.Process.PID, o.Process.Name
		}
		if text := fmt.Sprintf("%s[%d]", o.Process.Name, o.Process.PID); !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return pid, process, all
}

// pipeNames are the short names of the pipes that are there, for completion.
func (e *Env) pipeNames() (all []string) {
	rows, _, err := e.pipeRows(false, false)
	if err != nil {
		return nil
	}
	for _, r := range rows {
		if r.state == "stale" {
			continue
		}
		name := r.Name
		if short, ok := strings.CutPrefix(name, pipePrefix); ok && !strings.Contains(short, `\`) {
			name = short
		}
		all = append(all, name)
	}
	return all
}

const pipePrefix = `\\.\pipe\`
