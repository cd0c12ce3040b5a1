package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/internal/view"
)

const geoLong = `Say where addresses are: country, region, city, provider, autonomous system.

  sockeye geo 202.96.128.86 2400:3200::1
  sockeye geo --jsonl example.com                    every address of the name
  cut -d' ' -f1 access.log | sort -u | sockeye geo   one address or name a line
  tail -f access.log | sockeye geo --annotate        the place behind each address
  sockeye geo --where                                which databases are used

Without arguments, and for the argument -, addresses and names are read from
standard input, one a line. Answers come in the order asked, however long a name
takes; a name has as many answers as it has addresses. What is not an address is
looked up as a name, unless -n is given.

With --annotate text passes through as it is, but that behind each address in it
stands its place in brackets.

Databases are those that --db names, or else those of the configuration file, or
else those found in the usual folders; --where prints them all. The first that
knows the place of an address tells it (one that knows the country only gives way
to the next that knows the city), and so for its position, its provider, and its
autonomous system. QQWry.dat, ipv6wry.db, MaxMind's MMDB and others' in that
format, ip2region's xdb, ipip.net's ipdb and the old GeoIP.dat are read.
Special-purpose ranges (private, loopback, documentation, ...) need no database.

sockeye geo update fetches new ones.

The configuration file is $SOCKEYE_CONFIG, or else sockeye/config.toml in
~/.config or /etc (Windows: %AppData%, %ProgramData%):

  [geo]
  databases = ["/srv/geo/qqwry.dat", "GeoLite2-ASN.mmdb"]
  languages = ["zh-CN", "en"]

Exit status: 0 when something is known about every address, 1 when nothing is
about one of them, 2 when it could not be found out: a name that does not resolve,
no database. With --annotate it is 0 when all text has passed.`

// geoFlags are the flags of geo.
type geoFlags struct {
	db, lang                           []string
	annotate, where, numeric, noHeader bool
	output
}

func (e *Env) geoCommand() *cobra.Command {
	var f geoFlags
	cmd := &cobra.Command{
		Use: "geo [flags] [ADDRESS|HOST ...]", Short: "Say where addresses are", Long: geoLong, Args: cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.geo(cmd.Context(), &f, args) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.db, "db", nil, "a database to use instead of those configured or found; may be repeated")
	fs.StringSliceVar(&f.lang, "lang", nil, "languages of names, the best first, with commas between them (zh-CN, en)")
	fs.BoolVarP(&f.annotate, "annotate", "a", false, "pass text from standard input on, with the place behind each address")
	fs.BoolVar(&f.where, "where", false, "print the configuration file, the folders and the databases that are used")
	fs.BoolVarP(&f.numeric, "numeric", "n", false, "addresses only: names are not looked up")
	fs.BoolVarP(&f.noHeader, "no-header", "H", false, "no header line (CSV)")
	f.output.addTo(cmd)
	cmd.MarkFlagsMutuallyExclusive("annotate", "where")
	for _, name := range []string{"json", "jsonl", "csv"} {
		cmd.MarkFlagsMutuallyExclusive("annotate", name)
	}
	cmd.AddCommand(e.geoUpdateCommand())
	completeDatabases(cmd)
	completeWords(cmd, "lang", []string{"en", "zh-CN", "CN", "EN", "de", "es", "fr", "ja", "pt-BR", "ru"})
	return cmd
}

// completeDatabases offers the files that are named like databases for --db.
func completeDatabases(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("db", cobra.FixedCompletions([]string{"dat", "mmdb", "xdb", "ipdb", "db"}, cobra.ShellCompDirectiveFilterFileExt))
}

func (e *Env) geo(ctx context.Context, f *geoFlags, args []string) error {
	cfg, err := config.Load(e.Getenv)
	if err != nil {
		return err
	}
	if len(f.lang) > 0 {
		cfg.Geo.Languages = f.lang
	}
	if len(args) > 0 && (f.where || f.annotate) {
		return fmt.Errorf("--where and --annotate take no addresses; there is %q", view.CleanText(args[0]))
	}
	if f.where {
		return e.geoWhere(cfg, f)
	}
	p, err := e.openConfigured(cfg, f.db)
	if err != nil {
		return err
	}
	defer p.Close()
	if f.annotate {
		return e.geoAnnotate(ctx, p, f)
	}
	return e.geoAnswer(ctx, p, f, args)
}

// geoRun is a geo command on its way.
type geoRun struct {
	env    *Env
	places *places
	write  geoWriter

	unknown  int  // addresses about which nothing is known
	failures int  // questions that could not be answered
	told     bool // that there is no database
}

// geoAnswer answers arguments, or lines of standard input.
func (e *Env) geoAnswer(ctx context.Context, p *places, f *geoFlags, args []string) error {
	streamed := len(args) == 0 || slices.Contains(args, "-")
	write, err := e.geoWriter(f, streamed)
	if err != nil {
		return err
	}
	if streamed {
		e.settle()
		e.askTerminal()
	}
	ctx, stop := context.WithCancel(ctx) // so that no question is left behind
	defer stop()
	r := &geoRun{env: e, places: p, write: write}
	notes := partials{env: e}
	notes.add(p.partial())
	err = r.run(ctx, e.questions(ctx, f, args))
	notes.add(p.partial())
	if werr := write.close(append(p.partial()[:len(p.partial()):len(p.partial())], errorList(err)...)); werr != nil {
		return writeFailed(werr)
	}
	if err != nil {
		return err
	}
	return r.verdict()
}

// askTerminal says that the command waits for a person, who may not expect it.
func (e *Env) askTerminal() {
	if e.Interactive {
		fmt.Fprintln(e.Stderr, "sockeye: reading addresses and names from the terminal, one a line")
	}
}

func errorList(err error) []error {
	if err == nil {
		return nil
	}
	return []error{err}
}

// run answers questions in their order.
func (r *geoRun) run(ctx context.Context, asked <-chan *geoQuestion) error {
	for {
		q, ok, err := await(ctx, r, asked)
		if err != nil || !ok {
			return err
		}
		if q.resolved != nil {
			if _, _, err := await(ctx, r, q.resolved); err != nil {
				return err
			}
		}
		if err := r.answer(q); err != nil {
			return err
		}
	}
}

// await receives, and writes what is answered before it waits. An interrupt, which also ends the questions, is an error.
func await[T any](ctx context.Context, r *geoRun, from <-chan T) (v T, ok bool, err error) {
	select {
	case v, ok = <-from:
		return v, ok, ctx.Err()
	default:
	}
	if err := r.write.flush(); err != nil {
		return v, false, writeFailed(err)
	}
	select {
	case v, ok = <-from:
	case <-ctx.Done():
	}
	return v, ok, ctx.Err()
}

func (r *geoRun) answer(q *geoQuestion) error {
	switch {
	case q.ended: // standard input could not be read to its end
		return q.err
	case q.err != nil:
		return r.fail(q)
	}
	for _, a := range q.addrs {
		row := geoRow{host: q.host(), addr: a, loc: r.places.Lookup(a)}
		if row.loc == nil {
			r.nothing()
		}
		if err := r.write.row(&row); err != nil {
			return writeFailed(err)
		}
	}
	return nil
}

// fail tells of a question that has no answer, behind the answers before it.
func (r *geoRun) fail(q *geoQuestion) error {
	r.failures++
	if err := r.write.flush(); err != nil {
		return writeFailed(err)
	}
	r.env.complain(q.err)
	if err := r.write.row(&geoRow{host: q.text, err: q.err}); err != nil {
		return writeFailed(err)
	}
	return nil
}

// nothing counts an address about which nothing is known. Where there is no database that is no wonder, and said once.
func (r *geoRun) nothing() {
	r.unknown++
	if r.places.none() && !r.told {
		r.told = true
		r.env.complain(r.env.errNoDatabase())
	}
}

func (r *geoRun) verdict() error {
	switch {
	case r.failures > 0, r.unknown > 0 && (r.told || r.places.failed):
		return quit(exitUnknown)
	case r.unknown > 0:
		return quit(exitNotFound)
	}
	return nil
}
