package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/geofetch"
	"github.com/sockeye-net/sockeye/internal/view"
)

const geoUpdateLong = `Fetch databases of addresses, and replace the old files.

  sockeye geo update                       all that the configuration file names
  sockeye geo update qqwry.dat             one of those
  sockeye geo update https://example.com/ip2region.xdb

In the configuration file:

  [[geo.update]]
  url = "https://example.com/GeoLite2-City.tar.gz"
  file = "GeoLite2-City.mmdb"
  sha256_url = "https://example.com/GeoLite2-City.tar.gz.sha256"

url is http or https; what it gives may be packed by gzip, or in a tar or zip
archive. file is the path of the database; without it, it is named as in the url.
Unless it is absolute it is below ~/.local/share/sockeye, for root below
/var/lib/sockeye, which the commands of all users search (Windows:
%LocalAppData%\sockeye), or below the first folder of SOCKEYE_GEO_PATH.

sha256, or what sha256_url gives, is the checksum of what is fetched; without one,
only https keeps others on the way from changing it. Keys in an address are never
shown. Whoever may list processes sees those on a command line, though: write them
into the configuration file.

A file is replaced, at once, only by one that came whole, has the checksum, opens,
whose every record can be read, and that is of the same kind and no less than half
as large as the old one (--force replaces it without that). Where the server has no
other than the last time, nothing is fetched. Programs that have the old file open
keep it. One that is larger than --max-size is not accepted.

Exit status: 0 when all files are up to date now, 2 when one could not be updated.`

// geoUpdateFlags are the flags of geo update.
type geoUpdateFlags struct {
	file, sha256, sha256URL string
	force, quiet            bool
	maxSize                 int // MiB
}

const (
	defaultMaxMiB = 1024
	mostMiB       = 1 << 20
)

func (e *Env) geoUpdateCommand() *cobra.Command {
	var f geoUpdateFlags
	cmd := &cobra.Command{
		Use: "update [flags] [FILE ... | URL]", Short: "Fetch databases of addresses", Long: geoUpdateLong, Args: cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.geoUpdate(cmd.Context(), &f, args) },
		ValidArgsFunction: e.completeUpdates,
	}
	fs := cmd.Flags()
	fs.StringVar(&f.file, "file", "", "of a URL: the file to replace or make (default: as the URL is named, in sockeye's folder)")
	fs.StringVar(&f.sha256, "sha256", "", "of a URL: the checksum, 64 hex digits")
	fs.StringVar(&f.sha256URL, "sha256-url", "", "of a URL: where the checksum is")
	fs.BoolVarP(&f.force, "force", "f", false, "fetch it even if there is no other, and replace a larger or another database")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing unless something fails")
	fs.IntVar(&f.maxSize, "max-size", defaultMaxMiB, "the largest file to accept, in MiB")
	cmd.MarkFlagsMutuallyExclusive("sha256", "sha256-url")
	return cmd
}

// completeUpdates offers the files that the configuration names.
func (e *Env) completeUpdates(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	cfg, err := config.Load(e.Getenv)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for i := range cfg.Geo.Update {
		if src, err := e.updateSource(&cfg.Geo.Update[i]); err == nil {
			names = append(names, filepath.Base(src.File))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (e *Env) geoUpdate(ctx context.Context, f *geoUpdateFlags, args []string) error {
	if f.maxSize < 1 || f.maxSize > mostMiB {
		return fmt.Errorf("--max-size is a number of MiB, from 1 to %d", mostMiB)
	}
	updates, err := e.updatesFor(f, args)
	if err != nil {
		return err
	}
	if e.Settle != nil {
		e.Settle()
	}
	code := exitFound
	for i := range updates {
		if err := e.updateOne(ctx, f, &updates[i]); err != nil {
			if ctx.Err() != nil || brokenPipe(err) {
				return err
			}
			e.complain(err)
			code = exitUnknown
		}
	}
	return quit(code)
}

// updatesFor is what the arguments name: one address, or some or all of those that are configured.
func (e *Env) updatesFor(f *geoUpdateFlags, args []string) ([]config.Update, error) {
	if slices.ContainsFunc(args, isURL) {
		if len(args) > 1 {
			return nil, errors.New("one URL at a time; several are for the configuration file")
		}
		return f.named(args[0])
	}
	if f.file+f.sha256+f.sha256URL != "" {
		return nil, errors.New("--file, --sha256 and --sha256-url are for a URL on the command line")
	}
	cfg, err := config.Load(e.Getenv)
	if err != nil {
		return nil, err
	}
	if len(cfg.Geo.Update) == 0 {
		return nil, e.errNoUpdate(cfg)
	}
	if err := e.checkUpdates(cfg.Geo.Update); err != nil {
		return nil, fmt.Errorf("configuration %s: %w", cfg.File, err)
	}
	return e.chooseUpdates(cfg.Geo.Update, args)
}

// checkUpdates refuses two that are for one file: each would replace what the other has fetched.
func (e *Env) checkUpdates(all []config.Update) error {
	first := make(map[string]int)
	for i := range all {
		src, err := e.updateSource(&all[i])
		if err != nil {
			continue // it is told when its turn comes
		}
		file := filepath.Clean(src.File)
		if runtime.GOOS == "windows" {
			file = strings.ToLower(file)
		}
		if n := first[file]; n > 0 {
			return fmt.Errorf("[[geo.update]] number %d and number %d are both for %s: give one of them another file", n, i+1, src.File)
		}
		first[file] = i + 1
	}
	return nil
}

// named is the update that the flags describe. A path on the command line is one from here, as for every program.
func (f *geoUpdateFlags) named(url string) ([]config.Update, error) {
	u := config.Update{URL: url, SHA256: f.sha256, SHA256URL: f.sha256URL}
	if f.file != "" {
		path, err := filepath.Abs(f.file)
		if err != nil {
			return nil, err
		}
		u.File = path
	}
	return []config.Update{u}, nil
}

func isURL(arg string) bool { return strings.Contains(arg, "://") }

// errNoUpdate says what to write, and where.
func (e *Env) errNoUpdate(cfg *config.Config) error {
	where := cfg.File
	if files := config.Files(e.Getenv); where == "" && len(files) > 0 {
		where = files[0]
	}
	return fmt.Errorf(`it is not configured where databases come from: write [[geo.update]] and, in a line below, url = "https://..." into %s, or name a URL`, where)
}

// chooseUpdates finds those that are named by their file; no name is all of them.
func (e *Env) chooseUpdates(all []config.Update, names []string) (chosen []config.Update, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(u config.Update) bool {
			src, err := e.updateSource(&u)
			return err == nil && (src.File == name || filepath.Base(src.File) == name)
		})
		if i < 0 {
			return nil, fmt.Errorf("%q is neither a URL nor the file of one that is configured", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// updateSource finds out which file an update is for.
func (e *Env) updateSource(u *config.Update) (geofetch.Source, error) {
	src := geofetch.Source{URL: u.URL, SHA256: u.SHA256, SHA256URL: u.SHA256URL, File: u.File}
	if src.File == "" {
		if src.File = geofetch.FileOf(u.URL); src.File == "" {
			return src, fmt.Errorf("%s is not named like a database: say which file it is (file in the configuration, --file on the command line), as in GeoLite2-City.mmdb", geofetch.Redact(u.URL))
		}
	}
	rest, atHome := strings.CutPrefix(filepath.ToSlash(src.File), "~/")
	switch home := e.homeFolder(); {
	case filepath.IsAbs(src.File):
	case atHome && home != "":
		src.File = filepath.Join(home, rest)
	default:
		return e.inUpdateFolder(src)
	}
	return src, nil
}

func (e *Env) homeFolder() string {
	if home := e.Getenv("HOME"); home != "" {
		return home
	}
	return e.Getenv("USERPROFILE")
}

func (e *Env) inUpdateFolder(src geofetch.Source) (geofetch.Source, error) {
	dir := geodb.UpdateFolder(e.Getenv)
	if dir == "" {
		return src, fmt.Errorf("there is no folder for %s: write its whole path", src.File)
	}
	src.File = filepath.Join(dir, src.File)
	return src, nil
}

// updateOne updates one file, and says what was done.
func (e *Env) updateOne(ctx context.Context, f *geoUpdateFlags, u *config.Update) error {
	src, err := e.updateSource(u)
	if err != nil {
		return err
	}
	opt := geofetch.Options{Force: f.force, MaxSize: int64(f.maxSize) << 20, UserAgent: "sockeye"}
	bar := e.fetchBar(f.quiet, filepath.Base(src.File))
	if bar != nil {
		opt.Progress = bar.show
	}
	r, err := geofetch.Update(ctx, src, opt)
	bar.clear()
	if err != nil {
		return fmt.Errorf("%s: %w%s", src.File, err, hintOf(err))
	}
	for _, err := range r.Partial {
		e.note(fmt.Errorf("%s: %w", r.File, err))
	}
	if f.quiet {
		return nil
	}
	return e.print(view.CleanText(updateText(&r)) + "\n")
}

func hintOf(err error) string {
	var doubt *geofetch.DoubtError
	if errors.As(err, &doubt) {
		return "; --force replaces it nevertheless"
	}
	return ""
}

// updateText is "/usr/share/sockeye/qqwry.dat: updated, 27.1 MB, 530123 ranges of 2024-10-16, in place of those of 2024-09-11".
func updateText(r *geofetch.Result) string {
	what := "updated"
	switch {
	case r.UpToDate:
		what = "is up to date"
	case r.Old.Format == 0:
		what = "new"
	}
	text := fmt.Sprintf("%s: %s, %s, %s", r.File, what, view.InBytes.Amount(float64(r.Info.Size)), count(r.Ranges, "range"))
	if d := builtText(&r.Info); d != "" {
		text += " of " + d
	}
	if d := builtText(&r.Old); d != "" && d != builtText(&r.Info) {
		text += ", in place of those of " + d
	}
	return text
}

func builtText(i *geoip.Info) string {
	if i.Built.IsZero() {
		return ""
	}
	return i.Built.Format("2006-01-02")
}
