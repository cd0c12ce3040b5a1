package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/tui"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

const topLong = `Show connections, processes, listeners, remote hosts and interfaces, live.

  sockeye top                              all of it; ? shows the keys
  sockeye top --view processes             begin with another view
  sockeye top dport = :443                 only these, see sockeye list --help
  sockeye top -b --count 3 --rows 20       as text, for scripts
  sockeye top -b --view hosts --jsonl      for programs

Rows that are new are marked '+' and glow green, those that are gone '-' and red,
for two seconds. What opens and closes between two readings is seen with BPF
(Linux, root), or when it closes. Bytes are payload since the program began.

x closes the connection under the cursor and X ends the process, after a question
that names what will be hit. Names of hosts are looked up in the background; -n
looks up none, nor names of users.

The filter chooses sockets: processes and hosts are shown that have one which
passes. Interfaces are all shown.

--theme chooses colours: auto asks the terminal for its background; colorblind has
blue and orange for green and red; plain has none, as with NO_COLOR.

-b writes a table after each reading, once a second, and with --json, --jsonl or
--csv what sockeye traffic --by writes. The first reading, which has no rates, is
not written.

Exit status: 0 when it was left or interrupted, 1 when nothing can match the
filter, 2 when it could not be found out.`

// topFlags are the flags of top.
type topFlags struct {
	tcp, udp, unix, ipv4, ipv6, allNetNS bool
	numeric, batch, bits, noHeader       bool
	noMouse                              bool
	view, columns, sort, theme           string
	interval                             time.Duration
	count, rows                          int
	db                                   []string
	output
}

func (e *Env) topCommand() *cobra.Command {
	var f topFlags
	cmd := &cobra.Command{
		Use: "top [flags] [filter]", Short: "Show connections, processes, hosts and interfaces, live", Long: topLong, Args: cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.top(cmd.Context(), &f, args) },
		ValidArgsFunction: completeFilter,
	}
	fs := cmd.Flags()
	fs.BoolVarP(&f.tcp, "tcp", "t", false, "TCP sockets")
	fs.BoolVarP(&f.udp, "udp", "u", false, "UDP sockets")
	fs.BoolVarP(&f.unix, "unix", "x", false, "Unix sockets")
	fs.BoolVarP(&f.ipv4, "ipv4", "4", false, "IPv4 sockets")
	fs.BoolVarP(&f.ipv6, "ipv6", "6", false, "IPv6 sockets")
	fs.BoolVar(&f.allNetNS, "all-netns", false, "every network namespace (Linux, root)")
	fs.BoolVarP(&f.numeric, "numeric", "n", false, "no names of hosts, and user ids instead of names")
	fs.BoolVarP(&f.batch, "batch", "b", false, "as text, for scripts")
	fs.BoolVar(&f.bits, "bits", false, "bits instead of bytes")
	fs.BoolVar(&f.noMouse, "no-mouse", false, "leave the mouse to the terminal")
	fs.StringVar(&f.view, "view", "connections", "connections, processes, listeners, hosts or interfaces")
	fs.StringVar(&f.columns, "columns", "", "columns of that view, with commas between them")
	fs.StringVar(&f.sort, "sort", "", "column to sort by; -NAME sorts downwards")
	fs.StringVar(&f.theme, "theme", "auto", "auto, dark, light, colorblind or plain")
	fs.DurationVar(&f.interval, "interval", time.Second, "time from one reading to the next")
	fs.IntVar(&f.count, "count", 0, "with -b: readings, then end; 0 is until interrupted")
	fs.IntVar(&f.rows, "rows", 0, "with -b: the first rows only")
	fs.BoolVarP(&f.noHeader, "no-header", "H", false, "with -b: no header lines")
	fs.StringArrayVar(&f.db, "db", nil, "the database to ask for places, instead of those configured or found; may be repeated")
	f.output.addTo(cmd)
	completeDatabases(cmd)
	for _, flag := range []string{"columns", "sort"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, f.completeColumns)
	}
	completeWords(cmd, "view", tui.Kinds())
	completeWords(cmd, "theme", tui.Themes())
	return cmd
}

// completeColumns completes the last name of a list with commas: a column of the view.
func (f *topFlags) completeColumns(_ *cobra.Command, _ []string, typed string) (words []string, _ cobra.ShellCompDirective) {
	head := typed[:strings.LastIndexByte(typed, ',')+1]
	if strings.HasPrefix(typed[len(head):], "-") {
		head += "-"
	}
	if kind, ok := tui.KindByName(f.view); ok {
		for _, name := range tui.Columns(kind) {
			words = append(words, head+name)
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// topRun is a top command on its way.
type topRun struct {
	env    *Env
	flags  *topFlags
	names  *view.Names
	places *locator
	filter *view.Filter
	format view.Format
	query  netstat.Query
	opt    tui.Options
}

func (e *Env) top(ctx context.Context, f *topFlags, args []string) error {
	names := e.Names
	r := &topRun{env: e, flags: f, names: &names}
	if err := r.plan(args); err != nil {
		return err
	}
	defer r.places.close()
	links, err := e.OpenInterfaces(&ifstat.Config{AllNetNS: f.allNetNS})
	if err == nil {
		defer links.Close()
		r.opt.Links = links
	}
	if f.batch {
		return r.batch(ctx)
	}
	return r.screen(ctx)
}

// plan turns flags and filter into what is shown.
func (r *topRun) plan(args []string) (err error) {
	f := r.flags
	if err := f.check(); err != nil {
		return err
	}
	if r.format, err = f.format(); err != nil {
		return err
	}
	if f.numeric {
		r.names.UserName = nil
	}
	text := view.JoinArgs(args)
	if r.filter, err = view.ParseFilter(text, r.names); err != nil {
		return err
	}
	like := listFlags{tcp: f.tcp, udp: f.udp, unix: f.unix, ipv4: f.ipv4, ipv6: f.ipv6, allNetNS: f.allNetNS}
	r.query = like.query(r.filter)
	r.query.Owner = netstat.OwnerModule
	if narrow := r.query; !r.filter.Narrow(&narrow) { // not narrowed: the filter can be changed
		return errNeverMatches
	}
	needs := r.filter.Needs()
	needs.Geo = true
	if r.places, err = r.env.locate(&placeFlags{geo: true, db: f.db}, needs, r.names); err != nil {
		return err
	}
	return r.options(text)
}

func (f *topFlags) check() error {
	switch {
	case f.interval < minInterval:
		return fmt.Errorf("--interval is at least %v, not %v", minInterval, f.interval)
	case f.count < 0 || f.rows < 0:
		return errors.New("--count and --rows cannot be negative")
	case !f.batch && (f.count != 0 || f.rows != 0 || f.noHeader || f.json || f.jsonl || f.csv):
		return errors.New("--count, --rows, --no-header, --json, --jsonl and --csv go with -b")
	}
	return nil
}

// options are those of the screen and of the batch.
func (r *topRun) options(text string) error {
	e, f := r.env, r.flags
	kind, ok := tui.KindByName(f.view)
	if !ok {
		return oneOf("view", f.view, tui.Kinds())
	}
	theme, err := r.theme()
	if err != nil {
		return err
	}
	r.opt = tui.Options{
		Open: r.open, First: r.first, Names: r.names, Places: r.refresh, Check: func(n view.Needs) error { return r.places.lacks(n.GeoDB) },
		Details: e.Details, Actions: e.actions(), Now: e.Now, Host: e.Hostname(),
		View: kind, Filter: r.filter, Text: text, Columns: f.columns, Sort: f.sort,
		Theme: theme, ASCII: !e.unicode(), Mouse: !f.noMouse,
	}
	if !f.numeric {
		r.opt.Reverse = e.reverseName
	}
	if f.bits {
		r.opt.Unit = view.InBits
	}
	_, err = tui.New(r.opt) // says what is wrong with columns before anything is opened
	return err
}

func (r *topRun) theme() (tui.Theme, error) {
	color, err := r.env.colored(&r.flags.output)
	theme, terr := tui.ThemeByName(r.flags.theme)
	if err = errors.Join(err, terr); err != nil || color {
		return theme, err
	}
	return tui.PlainTheme, nil
}

// open is called when the first screen is there, for which garbage was not worth collecting.
func (r *topRun) open(context.Context) (tui.Watcher, error) {
	r.env.settle()
	latency := min(r.flags.interval, 250*time.Millisecond)
	return r.env.openWatch(&watch.Config{Interval: r.flags.interval, Latency: latency, NoLinks: true, Query: r.query})
}

// first reads the table once: a watcher takes longer to open than a screen should stay empty. Asking the kernel for the cookies
// of 20,000 sockets would, too.
func (r *topRun) first() (*netstat.Snapshot, error) {
	table, err := r.env.open(false)
	if err != nil {
		return nil, err
	}
	defer table.Close()
	q := r.query
	q.Info = true
	snap := new(netstat.Snapshot)
	return snap, table.Read(q, snap)
}

// refresh takes up databases that were replaced, and says what has gone wrong with them since.
func (r *topRun) refresh() error {
	r.places.refresh(r.env.Now(), r.names)
	return nil
}

func (r *topRun) batch(ctx context.Context) error {
	e, f := r.env, r.flags
	said := partials{env: e}
	how := tui.BatchOptions{Format: r.format, Count: f.count, Rows: f.rows, NoHeader: f.noHeader, Gone: e.readerGone,
		Note: func(err error) { said.add([]error{err}) }}
	if e.Terminal {
		how.Width, _ = e.size()
	}
	err := tui.Batch(ctx, r.opt, how, e.Stdout)
	said.add(r.places.partial())
	return err
}

func (r *topRun) screen(ctx context.Context) error {
	e := r.env
	if !e.Terminal || !e.ANSI {
		return errors.New("top needs a terminal that it can draw on; with -b it writes text")
	}
	r.opt.Width, r.opt.Height = e.size()
	t := tui.Terminal{Out: e.Stdout, Env: e.terminalEnv(r.flags.color)}
	if e.Interactive {
		t.In = e.Stdin
	}
	return tui.Run(ctx, r.opt, t)
}

// terminalVariables are those that say what a terminal can do.
var terminalVariables = []string{"TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TMUX", "STY", "SSH_TTY", "WT_SESSION", "ConEmuANSI",
	"ANSICON", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "LC_TERMINAL", "VTE_VERSION"}

func (e *Env) terminalEnv(color string) (env []string) {
	for _, name := range terminalVariables {
		if v := e.Getenv(name); v != "" && !(name == "NO_COLOR" && color == "always") {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// reverseName is the name of a host; the first where it has several.
func (e *Env) reverseName(ctx context.Context, a netip.Addr) (string, error) {
	names, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	if err != nil || len(names) == 0 {
		return "", err
	}
	return names[0], nil
}
