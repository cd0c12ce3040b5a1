package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

const doctorLong = `Say what works on this machine for this user, and what would make the rest work.

The environment variable SOCKEYE_METHOD chooses how sockets and owners are read,
for tests and for support: auto, bpf-walker, bpf-task-file, sock-diag, proc-net
(Linux), iphlpapi (Windows). Every command obeys it; one that does not work here
is then an error.

Exit status: 0 when every socket and every owner can be seen, 1 when only a part,
2 when nothing.`

func (e *Env) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Say what works on this machine", Long: doctorLong, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.doctor(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return cmd
}

func (e *Env) doctor(asJSON bool) error {
	caps := slices.Concat(e.Probe(), e.probeEvents(), e.probeDatabases())
	code, main := e.mainJob()
	text := e.doctorText(caps, main)
	if asJSON {
		text = e.doctorJSON(caps, main)
	}
	if err := e.print(text); err != nil {
		return err
	}
	return quit(code)
}

// probeEvents tries the ways to learn of what happens between two readings, and to read the interfaces.
func (e *Env) probeEvents() (caps []netstat.Capability) {
	for _, way := range []struct {
		method               watch.Method
		name, detail, remedy string
	}{
		{watch.BPF, "events by BPF", "watch sees every connection however short, and bytes of UDP are counted", "run as root, with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"},
		{watch.Notices, "events by notices", "watch sees the end of connections between two readings, and their bytes", ""},
	} {
		c := netstat.Capability{Name: way.name, Works: true, Detail: way.detail}
		if err := e.tryWatch(way.method); err != nil {
			c.Works, c.Detail, c.Remedy = false, err.Error(), way.remedy
			if errors.Is(err, errors.ErrUnsupported) {
				c.Remedy = ""
			}
		}
		caps = append(caps, c)
	}
	return append(caps, e.probeInterfaces())
}

func (e *Env) tryWatch(m watch.Method) error {
	w, err := e.OpenWatch(&watch.Config{Method: m, NoLinks: true, Query: netstat.Query{Protos: netstat.QueryUDP}})
	if err != nil {
		return err
	}
	return w.Close()
}

func (e *Env) probeInterfaces() netstat.Capability {
	c := netstat.Capability{Name: "interfaces"}
	var s ifstat.Snapshot
	table, err := e.OpenInterfaces(nil)
	if err == nil {
		err = errors.Join(table.Read(&s), table.Close())
	}
	if c.Works = err == nil; !c.Works {
		c.Detail = err.Error()
		return c
	}
	c.Detail = count(len(s.Interfaces), "interface") + " by " + s.Method.String()
	for _, p := range s.Partial {
		c.Detail += "; " + p.Error()
	}
	return c
}

// mainJob tries the main job: is every socket listed, and every owner known?
func (e *Env) mainJob() (code int, verdict string) {
	table, err := e.open(false)
	if err != nil {
		return exitUnknown, err.Error()
	}
	defer table.Close()
	var snap netstat.Snapshot
	if err := table.Read(netstat.Query{Owner: netstat.OwnerPID}, &snap); err != nil {
		return exitUnknown, err.Error()
	}
	hidden := 0
	for i := range snap.Sockets {
		if snap.Sockets[i].Missing.Hides() {
			hidden++
		}
	}
	verdict = fmt.Sprintf("%s by %s, the owners of %d hidden", count(len(snap.Sockets), "socket"), snap.Method, hidden)
	if hidden > 0 || len(snap.Partial) > 0 {
		return exitNotFound, verdict
	}
	return exitFound, verdict
}

func (e *Env) doctorText(caps []netstat.Capability, main string) string {
	var p page
	p.line("version", "%s", e.version())
	p.line("kernel", "%s", e.Kernel())
	p.line("user", "%s", e.User())
	p.line("table", "%s", main)
	p.WriteByte('\n')
	width := 0
	for _, c := range caps {
		width = max(width, len(c.Name))
	}
	for _, c := range caps {
		fmt.Fprintf(&p, "  %-3s  %-*s  %s\n", yesNo(c.Works), width, view.CleanText(c.Name), view.CleanText(c.Detail))
		if !c.Works && c.Remedy != "" {
			fmt.Fprintf(&p, "       %-*s  -> %s\n", width, "", view.CleanText(c.Remedy))
		}
	}
	return p.String()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func (e *Env) doctorJSON(caps []netstat.Capability, main string) string {
	str := func(s string) string { return string(view.AppendJSONString(nil, s)) }
	text := fmt.Sprintf(`{"schema":%d,"version":%s,"kernel":%s,"user":%s,"table":%s,"capabilities":[`,
		view.Schema, str(e.version()), str(e.Kernel()), str(e.User()), str(main))
	for i, c := range caps {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf("\n"+`{"name":%s,"works":%t,"detail":%s,"remedy":%s}`, str(c.Name), c.Works, str(c.Detail), str(c.Remedy))
	}
	return text + "\n]}\n"
}
