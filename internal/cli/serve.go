package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/internal/metrics"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/internal/web"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

const serveLong = `Serve the tables of this machine to a browser, to programs and to Prometheus.

  sockeye serve                        on http://127.0.0.1:7625, for this machine only
  sockeye serve status                 what the server does, and the address with its token
  sockeye serve reload                 read token, certificate and databases again
  sockeye serve stop
  sockeye serve install                as a service of Windows (Linux: packaging/)

One reading of the machine serves all viewers. /api/sockets, /api/processes and so
on answer with the same JSON as the commands, and take the same filters;
/api/events streams what changes; /metrics is for Prometheus. See docs/api.md.

It also records what it sees into a file, for sockeye history and the page's time
slider: every connection's life, who listened, what interfaces moved. A second server,
a disk that is full or a file that cannot be written keep it from recording, not from
serving: that is said, shown by status, and tried again. Only a file that --history
names has to be had at the start. A damaged file is set aside, and a new one begun.

What was never seen before (a program, a listener, a contact with a country) is news:
on the page, and to --alert-command or --alert-webhook. A command is run without a
shell, one at a time, ten seconds at most, with the object that history --news --json
shows on its standard input and SOCKEYE_EVENT, SOCKEYE_PROCESS, SOCKEYE_REMOTE and so
on in its environment. A webhook gets {"host":...,"news":[...]} by POST. The
configuration file may have [history] with keep and size, and [alert] with webhook
and kinds, for when no flag says otherwise.

Without the token whoever can connect sees sockets, users and interfaces, which
every user of this machine can find out, and not whose process a socket is. With
it everything is shown that this command sees. A token is made at each start, unless
--token-file names one; a terminal, and sockeye serve status, print it.

An address that other machines can reach needs --tls-cert, --tls-key and
--token-file, and shows nothing without the token. Names by which such a server is
called have to be given with --host, against DNS rebinding.

status, reload and stop talk to the server over a named pipe, which only the same
user (and root, or an administrator) may open. reload is also done at SIGHUP.

--otlp pushes the metrics, and with --otlp-logs events, to an OpenTelemetry receiver
(OTLP over HTTP); OTEL_EXPORTER_OTLP_HEADERS has headers for it.

Exit status: 0 when it was asked to end, 2 when it could not serve.`

// Where a server is unless it is told otherwise.
const (
	serveAddr = "127.0.0.1:7625"
	servePipe = "sockeye-serve"
	unitPipe  = "/run/sockeye-serve/control" // of packaging/sockeye-serve.service
)

// serveFlags are the flags of serve.
type serveFlags struct {
	addr, method, pipe     string
	secrets                web.Secrets
	hosts                  []string
	readOnly, metricsOpen  bool
	service                bool
	allNetNS, otlpLogs     bool
	interval, otlpInterval time.Duration
	maxViewers, maxSeries  int
	otlp                   string
	record                 recordFlags
	alert                  alertFlags
	placeFlags
}

func (e *Env) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "serve [flags]", Short: "Serve a page, an API and metrics", Long: serveLong, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.configure(&f, cmd.Flags().Changed); err != nil {
				return err
			}
			return e.serve(cmd.Context(), &f)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.addTo(cmd)
	cmd.Flags().BoolVar(&f.service, asService, false, "by the service manager of Windows")
	_ = cmd.Flags().MarkHidden(asService) // there is such a flag
	cmd.AddCommand(e.serveStatusCommand(), e.serveAskCommand("reload", "Read token, certificate and databases again"),
		e.serveAskCommand("stop", "End the server"), e.installCommand(), e.uninstallCommand())
	return cmd
}

func (f *serveFlags) addTo(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.addr, "addr", serveAddr, "the address to listen on; port 0 is any that is free")
	fs.StringVar(&f.secrets.TokenFile, "token-file", "", "a file with the token, which no others may read")
	fs.StringVar(&f.secrets.CertFile, "tls-cert", "", "a file with the certificate and its chain (PEM)")
	fs.StringVar(&f.secrets.KeyFile, "tls-key", "", "a file with its key (PEM)")
	fs.StringArrayVar(&f.hosts, "host", nil, "a name or address that browsers know this server by; may be repeated")
	fs.BoolVar(&f.readOnly, "read-only", false, "nothing can be changed over HTTP")
	fs.BoolVar(&f.metricsOpen, "open-metrics", false, "/metrics without the token")
	fs.IntVar(&f.maxSeries, "max-series", metrics.DefaultMaxSeries, "programs that have metrics of their own")
	fs.IntVar(&f.maxViewers, "max-viewers", web.DefaultMaxViewers, "streams at once")
	fs.StringVar(&f.otlp, "otlp", "", "push metrics to this OTLP receiver (http://127.0.0.1:4318)")
	fs.BoolVar(&f.otlpLogs, "otlp-logs", false, "and events as logs")
	fs.DurationVar(&f.otlpInterval, "otlp-interval", time.Minute, "time from one push to the next")
	fs.StringVar(&f.method, "method", "auto", "auto, bpf, notices or poll, as watch has it")
	fs.DurationVar(&f.interval, "interval", time.Second, "time from one reading to the next")
	fs.BoolVar(&f.allNetNS, "all-netns", false, "every network namespace (Linux, root)")
	fs.StringVar(&f.pipe, "pipe", servePipe, "the pipe for status, reload and stop; empty is none")
	f.record.addTo(cmd)
	f.alert.addTo(cmd)
	f.placeFlags.addTo(cmd)
	completeWords(cmd, "method", watchMethods())
}

// check looks at the flags alone.
func (f *serveFlags) check() error {
	_, err := f.config()
	if err == nil {
		_, err = newsKinds(f.alert.kinds)
	}
	if err == nil {
		_, err = web.Resolve(f.addr, f.secrets)
	}
	return err
}

// config is what is asked of the watcher.
func (f *serveFlags) config() (*watch.Config, error) {
	switch {
	case f.interval < 100*time.Millisecond:
		return nil, fmt.Errorf("--interval is at least 100ms, not %v", f.interval)
	case f.otlpInterval < time.Second:
		return nil, fmt.Errorf("--otlp-interval is at least 1s, not %v", f.otlpInterval)
	case f.maxViewers < 1 || f.maxSeries < 1:
		return nil, errors.New("--max-viewers and --max-series are at least 1")
	case f.otlpLogs && f.otlp == "":
		return nil, errors.New("--otlp-logs goes with --otlp")
	}
	if err := oneOf("method", f.method, watchMethods()); err != nil {
		return nil, err
	}
	cfg := &watch.Config{Interval: f.interval, Query: netstat.Query{Owner: netstat.OwnerModule, AllNetNS: f.allNetNS}}
	for i, name := range watchMethods() {
		if name == f.method {
			cfg.Method = watch.Method(i)
		}
	}
	return cfg, nil
}

// configure takes what the configuration file says and no flag does.
func (e *Env) configure(f *serveFlags, given func(flag string) bool) error {
	cfg, err := config.Load(e.Getenv)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		flag, key, text string
		set             func(string) error
	}{{"history-keep", "history.keep", cfg.History.Keep, f.record.keep.Set}, {"history-size", "history.size", cfg.History.Size, f.record.size.Set}} {
		if c.text == "" || given(c.flag) {
			continue
		}
		if err := c.set(c.text); err != nil {
			return fmt.Errorf("configuration %s: %s: %w", cfg.File, c.key, err)
		}
	}
	if !given("alert-webhook") && !f.record.none && e.Getenv("SOCKEYE_ALERT_WEBHOOK") == "" {
		f.alert.webhook = cfg.Alert.Webhook
	}
	if !given("alert-kinds") && len(cfg.Alert.Kinds) > 0 {
		f.alert.kinds = cfg.Alert.Kinds
	}
	return nil
}

// serve serves, by itself or for the service manager.
func (e *Env) serve(ctx context.Context, f *serveFlags) error {
	if f.service {
		return e.runService(ctx, f)
	}
	return e.serveHere(ctx, f)
}

// serveHere opens everything that can fail before it says that it serves.
func (e *Env) serveHere(ctx context.Context, f *serveFlags) error {
	shared := *e
	shared.Names = sharedNames(e.Names)
	r := &serveRun{env: &shared, flags: f, partials: partials{env: e}}
	defer r.close()
	if err := r.open(); err != nil {
		return err
	}
	e.settle()
	return r.run(ctx)
}

// otlpHeaders are those of OTEL_EXPORTER_OTLP_HEADERS: NAME=VALUE with commas between them, values percent-encoded
// (OpenTelemetry, "OTLP Exporter Configuration").
func (e *Env) otlpHeaders() (all [][2]string, err error) {
	for part := range strings.SplitSeq(e.Getenv("OTEL_EXPORTER_OTLP_HEADERS"), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		value, bad := unescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !ok || bad || name == "" || strings.ContainsAny(name+value, "\r\n\x00") || http.CanonicalHeaderKey(name) == "" {
			return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS is NAME=VALUE, with commas between them")
		}
		all = append(all, [2]string{name, value})
	}
	return all, nil
}

// plainVersion is the version of the module alone.
func (e *Env) plainVersion() string {
	_, rest, _ := strings.Cut(e.version(), " ")
	version, _, _ := strings.Cut(rest, " ")
	return view.CleanText(version)
}
