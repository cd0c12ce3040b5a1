package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const historyLong = `Ask what the sockets of this machine did, of what sockeye serve has recorded.

  sockeye history --at "yesterday 15:00" port = 443         who was on that port
  sockeye history --from "this month" --by host process = curl
                                                            which hosts it talked to
  sockeye history --gone                                    what listened here that
                                                            does not now
  sockeye history --from "last week" country != DE --by process
  sockeye history --news --from yesterday                   what was never seen before
  sockeye history --interfaces --from "3h ago" --csv        what interfaces moved

Connections and other sockets are listed that were open at some moment of the time
asked for: from the beginning of --from to the end of --to, or all of --at. Without
these it is the last 24 hours; with --gone, all that is kept. Times are

  2026-11-20T15:04:05Z   2026-11-20 15:04   2026-11-20   2026-11   15:04
  today   yesterday   monday, and any of them with a time behind it
  now   3h ago   2 days ago   this month   last week   (hour, day, month, year)

and as long as they are told exactly: 15:04 is a minute, yesterday a day.

--by adds up, over processes, units, hosts, countries, autonomous systems (asn),
ports (of the server's end), days or months. Bytes are those of whole connections.
Over whole months (days, without a filter) processes, units, hosts, countries and
systems come from totals: their bytes are those moved in that time, and they are
kept for years.

The filter is that of list (sockeye list --help). Places are what was known then.

Exit status: 0 when something was found, 1 when nothing was, 2 when it could not be
found out: there is no history, it cannot be read, or nothing was found and not all
of that time was recorded.`

// historyFlags are the flags of history.
type historyFlags struct {
	file, from, to, at, by                  string
	listeners, gone, news, links            bool
	tcp, udp, ipv4, ipv6, noHeader, numeric bool
	newest                                  int
	output
}

func historyWays() (names []string) {
	for b := history.ByProcess; b <= history.ByMonth; b++ {
		names = append(names, b.String())
	}
	return names
}

func (e *Env) historyCommand() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use: "history [flags] [filter]", Short: "Ask what was: connections, listeners, totals", Long: historyLong, Args: cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.history(cmd.Context(), &f, args) },
		ValidArgsFunction: completeFilter,
	}
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "the time from which on, its beginning included")
	fs.StringVar(&f.to, "to", "", "the time up to which, its end included")
	fs.StringVar(&f.at, "at", "", "this time")
	fs.StringVar(&f.by, "by", "", strings.Join(historyWays(), ", "))
	fs.BoolVarP(&f.listeners, "listeners", "l", false, "who listened, instead of connections")
	fs.BoolVar(&f.gone, "gone", false, "who listened, and does not now")
	fs.BoolVar(&f.news, "news", false, "what was seen for the first time: programs, listeners, contacts")
	fs.BoolVar(&f.links, "interfaces", false, "what interfaces moved")
	fs.BoolVarP(&f.tcp, "tcp", "t", false, "TCP sockets")
	fs.BoolVarP(&f.udp, "udp", "u", false, "UDP sockets")
	fs.BoolVarP(&f.ipv4, "ipv4", "4", false, "IPv4 sockets")
	fs.BoolVarP(&f.ipv6, "ipv6", "6", false, "IPv6 sockets")
	fs.IntVar(&f.newest, "newest", 0, "at most so many connections, the last that began, or sums, the largest; 0 is all")
	fs.BoolVarP(&f.numeric, "numeric", "n", false, "numbers of users instead of names")
	fs.StringVar(&f.file, "file", "", "the history to read; default: SOCKEYE_HISTORY, else the user's, else the machine's")
	fs.BoolVarP(&f.noHeader, "no-header", "H", false, "no header line")
	f.output.addTo(cmd)
	cmd.MarkFlagsMutuallyExclusive("at", "from")
	cmd.MarkFlagsMutuallyExclusive("at", "to")
	cmd.MarkFlagsMutuallyExclusive("listeners", "gone", "news", "interfaces")
	cmd.MarkFlagsMutuallyExclusive("by", "news", "interfaces")
	completeWords(cmd, "by", historyWays())
	return cmd
}

// historyRun is a history command on its way.
type historyRun struct {
	env    *Env
	flags  *historyFlags
	reader *history.Reader
	query  history.Query
	names  *view.Names
	format view.Format
	link   string // the only interface that is wanted; empty is all
	found  int
	holes  []error // what was not recorded of the time asked for
	told   []error // what else there is to say
}

func (e *Env) history(ctx context.Context, f *historyFlags, args []string) error {
	names := e.Names
	r := &historyRun{env: e, flags: f, names: &names}
	if err := r.plan(args); err != nil {
		return err
	}
	path, err := e.historyFile(f.file)
	if err != nil {
		return err
	}
	if r.reader, err = history.OpenReader(path); err != nil {
		return err
	}
	defer r.reader.Close()
	r.reader.SetCalendar(e.Now().Location())
	r.names.Details = r.details
	if err := r.coverage(ctx); err != nil {
		return err
	}
	if err := r.write(ctx); err != nil {
		return err
	}
	for _, err := range append(r.holes, r.told...) {
		e.note(err)
	}
	switch {
	case r.found > 0:
		return nil
	case len(r.holes) > 0:
		return errors.New("nothing was found, but not all of that time was recorded")
	}
	return quit(exitNotFound)
}

// historyFile is the file to read.
func (e *Env) historyFile(named string) (string, error) {
	if named != "" {
		return filepath.Clean(named), nil
	}
	if path, ok := history.Find(e.Getenv); ok {
		return path, nil
	}
	return "", fmt.Errorf("there is no history at %s; sockeye serve records one", strings.Join(history.Files(e.Getenv), " or "))
}

// plan turns flags and filter into a question.
func (r *historyRun) plan(args []string) (err error) {
	f := r.flags
	if r.format, err = f.format(); err != nil {
		return err
	}
	if _, err = r.env.colored(&f.output); err != nil {
		return err
	}
	if f.by != "" {
		if err := oneOf("by", f.by, historyWays()); err != nil {
			return err
		}
	}
	if f.newest < 0 {
		return errors.New("--newest cannot be negative")
	}
	if f.numeric {
		r.names.UserName = nil
	}
	if err := r.period(); err != nil {
		return err
	}
	text := view.JoinArgs(args)
	if f.links && text != "" {
		return errors.New("--interfaces takes no filter")
	}
	if r.query.Filter, err = view.ParseFilter(narrowed(f, text), r.names); err != nil {
		return err
	}
	r.query.Names, r.query.Newest = r.names, f.newest
	r.query.Listeners, r.query.Gone = f.listeners || f.gone, f.gone
	return nil
}

// narrowed adds what flags say to the filter.
func narrowed(f *historyFlags, text string) string {
	var parts []string
	if f.tcp != f.udp {
		parts = append(parts, map[bool]string{true: "proto = tcp", false: "proto = udp"}[f.tcp])
	}
	if f.ipv4 != f.ipv6 {
		parts = append(parts, map[bool]string{true: "family = 4", false: "family = 6"}[f.ipv4])
	}
	if len(parts) == 0 {
		return text
	}
	if strings.TrimSpace(text) != "" {
		parts = append(parts, "( "+text+" )")
	}
	return strings.Join(parts, " and ")
}

// period finds the time that is asked for.
func (r *historyRun) period() error {
	f, now, q := r.flags, r.env.Now(), &r.query
	for _, word := range []struct {
		flag, text string
		from, to   bool
	}{{"at", f.at, true, true}, {"from", f.from, true, false}, {"to", f.to, false, true}} {
		if word.text == "" {
			continue
		}
		p, err := history.ParsePeriod(word.text, now)
		if err != nil {
			return fmt.Errorf("--%s: %w", word.flag, err)
		}
		if word.from {
			q.From = p.From
		}
		if word.to {
			q.To = p.To
		}
	}
	if f.at == "" && f.from == "" && f.to == "" && !f.gone {
		q.From = now.Add(-24 * time.Hour)
	}
	if !q.To.IsZero() && !q.From.Before(q.To) {
		return errors.New("--from is not before --to")
	}
	return nil
}

// details are those of a process as they were recorded.
func (r *historyRun) details(p *netstat.Process) (netstat.Details, bool) {
	d, ok := r.reader.Details(p)
	return netstat.Details{Exe: d.Exe, Args: []string{d.Cmdline}, User: d.User}, ok
}

// short is a time between two records that is no hole: the recorder writes every few seconds.
const short = 15 * time.Second

// coverage finds what was not recorded of the time that is asked for.
func (r *historyRun) coverage(ctx context.Context) error {
	now := r.env.Now()
	all, err := r.reader.Sessions(ctx, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("the history is empty: nothing has been recorded yet")
	}
	from, to := r.query.From, r.query.To
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() { // all that is kept
		from = all[0].From
	}
	r.holes = holes(all, from, to, now)
	gaps, err := r.reader.Gaps(ctx, from, to)
	if err != nil {
		return err
	}
	r.told = lost(gaps)
	return nil
}

// holes are the times between sessions.
func holes(all []history.Session, from, to, now time.Time) (list []error) {
	add := func(a, b time.Time) {
		if a.Before(from) {
			a = from
		}
		if b.After(to) {
			b = to
		}
		switch {
		case b.Sub(a) <= 0, b.Sub(a) < short && b.Sub(a) < to.Sub(from):
		case b.Equal(now):
			list = append(list, fmt.Errorf("nothing was recorded since %s", stamp(a, now)))
		default:
			list = append(list, fmt.Errorf("nothing was recorded from %s to %s", stamp(a, now), stamp(b, now)))
		}
	}
	last := time.Time{}
	for _, s := range all {
		if last.IsZero() {
			add(from, s.From)
		} else if s.From.Sub(last) > short {
			add(last, s.From)
		}
		if s.To.After(last) {
			last = s.To
		}
	}
	if now.Sub(last) > short {
		add(last, to)
	}
	if most := 5; len(list) > most {
		list = append(list[:most], fmt.Errorf("and in %d more times nothing was recorded", len(list)-most))
	}
	return list
}

// lost says what gaps say, all of a kind in one line.
func lost(gaps []history.Gap) (list []error) {
	sums := make(map[string]*history.Gap)
	for _, g := range gaps {
		s := sums[g.Why]
		if s == nil {
			s = &history.Gap{Why: g.Why}
			sums[g.Why] = s
		}
		s.Lost += g.Lost
		s.Time = g.Time
	}
	for why, s := range sums {
		switch why {
		case "overflow":
			list = append(list, fmt.Errorf("the kernel's queue was full: %d events are known to be lost", s.Lost))
		case "not written":
			list = append(list, fmt.Errorf("%d connections were not written, for the disk was full too long", s.Lost))
		case "damaged":
			list = append(list, errors.New("an earlier history was damaged and set aside: what it had is not in this one"))
		}
	}
	slices.SortFunc(list, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return list
}

// stamp is a time for people.
func stamp(t, now time.Time) string { return t.In(now.Location()).Format(time.DateTime) }
