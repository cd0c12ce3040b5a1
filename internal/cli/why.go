package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/ports"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const whyLong = `Say why a local port cannot be bound ("address already in use", "permission
denied"), and what to do about it.

  sockeye why 8080               TCP, at all addresses of IPv4 and IPv6
  sockeye why 127.0.0.1:8080     at one address
  sockeye why 53/udp 80          UDP; several

The port is tried in the ways that programs do (bound, never listened on), and what
stands in the way is looked up. Each cause has one of these names:

  owner        a process listens or is bound; how its address relates to the wanted
               one is told: a wildcard (0.0.0.0, [::]) covers every address, [::]
               mostly those of IPv4 too, unless it is for IPv6 only (v6only)
  kernel       a socket of the kernel (WireGuard, NFS)
  connection   a connection that has the port at this end
  time_wait    connections that are over, which the kernel remembers for a minute
  unlisted     in use by a socket that is not shown to this user
  privilege    ports below net.ipv4.ip_unprivileged_port_start need root
  forbidden    a security policy: SELinux, Landlock, systemd's SocketBindDeny
  excluded     Windows keeps the port for itself (excluded port range)
  address      the address is not one of this machine's
  family       the machine has no IPv6
  ephemeral    good to know: the system may give the port to an outgoing connection
  reserved     good to know: net.ipv4.ip_local_reserved_ports keeps it from that

Only what is in this program's network namespace matters, and is looked at.

In JSON each cause is an object; "hinders" is there where it stands in the way now.

Exit status: 0 when something stands in the way and is named, 1 when the port can be
bound, 2 when it could not be found out or the command was not understood.`

type whyFlags struct{ output }

func (e *Env) whyCommand() *cobra.Command {
	var f whyFlags
	cmd := &cobra.Command{
		Use: "why {PORT | ADDRESS:PORT}[/tcp|/udp]...", Short: "Say why a port cannot be bound", Long: whyLong, Args: needsPortFor("why"),
		RunE:              func(cmd *cobra.Command, args []string) error { return e.why(cmd.Context(), &f, args) },
		ValidArgsFunction: e.completePorts,
	}
	f.output.addTo(cmd)
	return cmd
}

// parseBinding reads PORT, ADDRESS:PORT and either with /tcp or /udp; TCP is meant where nothing is said.
func parseBinding(arg string, names *view.Names) (ports.Question, error) {
	text, proto, has := strings.Cut(arg, "/")
	q := ports.Question{Proto: netstat.TCP}
	if i := strings.LastIndexByte(text, ':'); i > 0 {
		addr, err := netip.ParseAddr(strings.Trim(strings.Replace(text[:i], "*", "0.0.0.0", 1), "[]"))
		if err != nil {
			return q, fmt.Errorf("%q: an address is a number such as 127.0.0.1 or [::1]", arg)
		}
		q.Addr, text = addr, text[i+1:]
	}
	if has {
		text += "/" + proto
	}
	one, err := parseQuestion(text, names)
	if err != nil {
		return q, err
	}
	q.Port = one.port
	if one.proto != 0 {
		q.Proto = one.proto
	}
	return q, nil
}

func (e *Env) why(ctx context.Context, f *whyFlags, args []string) error {
	format, err := f.format()
	if err != nil {
		return err
	}
	names := e.Names
	var questions []ports.Question
	for _, arg := range args {
		q, err := parseBinding(arg, &names)
		if err != nil {
			return err
		}
		questions = append(questions, q)
	}
	table, err := e.open(true)
	if err != nil {
		return err
	}
	defer table.Close()
	policy, partial := e.Do.Policy()
	w := &reasons{env: e, names: &names, policy: &policy, partial: partials{env: e}}
	w.missing = partial
	for _, q := range questions {
		if err := w.explain(table, q); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := w.write(format); err != nil {
		return err
	}
	w.partial.add(w.missing)
	return w.verdict()
}

// reasons is a why command on its way.
type reasons struct {
	env      *Env
	names    *view.Names
	policy   *ports.Policy
	verdicts []*ports.Verdict
	missing  []error
	partial  partials
}

func (w *reasons) explain(table SocketTable, q ports.Question) error {
	tests := w.env.Do.TryPort(q)
	snap := new(netstat.Snapshot)
	all := []*asked{{question: question{port: q.Port, proto: q.Proto}}}
	if err := table.Read(whoQuery(all), snap); err != nil {
		return err
	}
	w.missing = append(w.missing, snap.Partial...)
	w.verdicts = append(w.verdicts, ports.Explain(q, tests, snap.Sockets, w.policy))
	return nil
}

var errUnexplained = errors.New("the port cannot be bound, and nothing here tells why")

// verdict is the worst of the answers: 1 counts above 0, since who asks why wants to know of the one that is free, too.
func (w *reasons) verdict() error {
	code := exitFound
	for _, v := range w.verdicts {
		switch hinders := hinderance(v); {
		case v.Bindable:
			code = max(code, exitNotFound)
		case len(hinders) == 0:
			return errUnexplained
		case len(hinders) == 1 && hinders[0].Kind == ports.Unlisted:
			code = exitUnknown
		}
	}
	return quit(code)
}

func hinderance(v *ports.Verdict) (list []*ports.Cause) {
	for i := range v.Causes {
		if v.Causes[i].Hinders {
			list = append(list, &v.Causes[i])
		}
	}
	return list
}

func (w *reasons) write(format view.Format) error {
	if format == view.Table {
		return w.env.print(w.text())
	}
	out := view.NewObjects(w.env.Stdout, view.Options{Format: format, Time: w.env.Now(), Host: w.env.Hostname()}, "causes")
	for _, v := range w.verdicts {
		if len(v.Causes) == 0 {
			if err := w.object(out, v, nil); err != nil {
				return writeFailed(err)
			}
		}
		for i := range v.Causes {
			if err := w.object(out, v, &v.Causes[i]); err != nil {
				return writeFailed(err)
			}
		}
	}
	if err := out.Close(w.missing); err != nil {
		return writeFailed(err)
	}
	return nil
}

// object is one cause, or a port without any.
func (w *reasons) object(out *view.Objects, v *ports.Verdict, c *ports.Cause) error {
	out.Begin()
	out.Uint("port", uint64(v.Port), true)
	out.Text("proto", v.Proto.String())
	addr := ""
	if v.Addr.IsValid() {
		addr = v.Addr.String()
	}
	out.Text("addr", addr)
	out.True("bindable", v.Bindable)
	out.True("bindable_reuse", v.ByReuse)
	if c == nil {
		c = &ports.Cause{}
	}
	name, relation := "", ""
	if c.Kind != 0 {
		name = c.Kind.String()
	}
	if c.Relation != 0 {
		relation = c.Relation.String()
	}
	out.Text("cause", name)
	out.True("hinders", c.Hinders)
	out.Text("relation", relation)
	var one *netstat.Socket
	if len(c.Sockets) == 1 {
		one = c.Sockets[0]
	}
	out.Uint("sockets", uint64(len(c.Sockets)), len(c.Sockets) > 0)
	says, do := "", ""
	if c.Kind != 0 {
		says, do = w.says(v, c), w.remedy(v, c)
	}
	out.Text("says", says)
	out.Text("do", do)
	out.Socket(view.Columns("state", "local_addr", "local_port", "user", "module", "owners"), w.names, one)
	return out.End()
}
