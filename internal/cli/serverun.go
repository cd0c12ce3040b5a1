package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/alert"
	"github.com/sockeye-net/sockeye/internal/metrics"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/internal/web"
	"github.com/sockeye-net/sockeye/pipe"
	"github.com/sockeye-net/sockeye/watch"
)

// serveRun is a serve command on its way.
type serveRun struct {
	env      *Env
	flags    *serveFlags
	partials partials
	opened   []io.Closer // closed in the other order
	places   *locator
	stale    atomic.Bool // databases are to be looked at

	listener net.Listener
	addr     net.Addr
	cert     *web.Certificate // nil without TLS
	keys     *web.Keys
	token    atomic.Pointer[string]
	hub      *web.Hub
	server   *web.Server
	metrics  *metrics.Metrics
	pusher   *metrics.Pusher // nil without --otlp
	control  *control        // nil without a pipe
	stop     context.CancelFunc

	recording *recording // nil without one
	tellers   []*alert.Teller
}

func (r *serveRun) close() {
	for i := len(r.opened) - 1; i >= 0; i-- {
		_ = r.opened[i].Close() // it was only read
	}
	r.places.close()
}

// open opens what can be refused first, and the watch, which costs most, last.
func (r *serveRun) open() error {
	cfg, err := r.flags.config()
	if err != nil {
		return err
	}
	if err := r.openSecrets(); err != nil {
		return err
	}
	if err := r.listen(); err != nil {
		return err
	}
	if err := r.openControl(); err != nil {
		return err
	}
	if err := r.openRecorder(); err != nil {
		return err
	}
	return r.openHub(cfg)
}

// openRecorder opens the history, and those who are told its news.
func (r *serveRun) openRecorder() (err error) {
	if r.recording, err = r.env.openRecording(r.flags); err != nil {
		return err
	}
	if r.recording != nil {
		r.opened = append(r.opened, r.recording)
		r.recording.openSides()
	}
	return r.openAlerts()
}

func (r *serveRun) openSecrets() (err error) {
	s := r.flags.secrets
	if _, err := web.Resolve(r.flags.addr, s); err != nil {
		return err
	}
	token := web.NewToken()
	if s.TokenFile != "" {
		if token, err = web.ReadToken(s.TokenFile); err != nil {
			return err
		}
	}
	r.token.Store(&token)
	r.keys = web.NewKeys(token, r.env.Now)
	if s.CertFile != "" {
		r.cert, err = web.LoadCertificate(s.CertFile, s.KeyFile)
	}
	return err
}

// listen listens on the address that was checked, and not on what a name may mean by then.
func (r *serveRun) listen() error {
	addr, err := web.Resolve(r.flags.addr, r.flags.secrets)
	if err != nil {
		return err
	}
	l, err := net.ListenTCP("tcp", addr)
	if err != nil {
		return fmt.Errorf("--addr %s: %w", r.flags.addr, err)
	}
	r.listener, r.addr = l, l.Addr()
	r.opened = append(r.opened, r.listener)
	return nil
}

func (r *serveRun) openControl() (err error) {
	if r.flags.pipe == "" {
		return nil
	}
	r.control, err = openControl(r.flags.pipe, r)
	if errors.Is(err, pipe.ErrInUse) || errors.Is(err, pipe.ErrBusy) { // busy under Wine, which does not know of first instances
		return fmt.Errorf("another server has the pipe %q: end it with sockeye serve stop, or give --pipe another name", r.flags.pipe)
	}
	if err != nil {
		return fmt.Errorf("--pipe: %w", err)
	}
	r.opened = append(r.opened, r.control)
	return nil
}

func (r *serveRun) openHub(cfg *watch.Config) error {
	e, names := r.env, r.env.Names
	if err := r.locate(&names); err != nil {
		return err
	}
	links, err := e.OpenInterfaces(&ifstat.Config{AllNetNS: r.flags.allNetNS})
	if err != nil {
		r.partials.add([]error{fmt.Errorf("interfaces cannot be read: %w", err)})
	} else {
		r.opened = append(r.opened, links)
	}
	w, err := e.openWatch(cfg)
	if err != nil {
		return err
	}
	r.opened = append(r.opened, w)
	r.partials.add(w.Partial())
	if err := r.openMetrics(); err != nil {
		return err
	}
	hub := web.HubConfig{Watcher: w, Names: names, Details: e.Details, Refresh: r.refresh, Missing: r.missing, Taps: r.taps(),
		Host: e.Hostname(), Now: e.Now, MaxViewers: r.flags.maxViewers}
	if links != nil {
		hub.Interfaces = links
	}
	r.hub = web.NewHub(hub)
	r.server = web.New(r.serverConfig())
	if r.recording != nil {
		r.recording.sinks = r.sinks()
	}
	return nil
}

// missing is what neither table nor stream shows.
func (r *serveRun) missing() []error {
	return slices.Concat(r.places.missing(), r.recording.missing())
}

// locate opens the databases; without any, places are shown only if they were asked for.
func (r *serveRun) locate(names *view.Names) (err error) {
	if r.places, err = r.env.locate(&placeFlags{geo: true, db: r.flags.db}, view.Needs{Geo: true}, names); err != nil {
		return err
	}
	if r.places.none() && !r.flags.geo && len(r.flags.db) == 0 {
		r.places.close()
		r.places, names.Place = nil, nil
	}
	return nil
}

// refresh is called by the hub, which keeps the databases from being used meanwhile.
func (r *serveRun) refresh(names *view.Names) {
	if r.places != nil && r.stale.Swap(false) {
		r.places.checked = time.Time{}
	}
	r.places.refresh(r.env.Now(), names)
}

func (r *serveRun) openMetrics() error {
	f := r.flags
	r.metrics = metrics.New(metrics.Config{MaxSeries: f.maxSeries, AllNetNS: f.allNetNS, Version: r.env.plainVersion(), Now: r.env.Now})
	if f.otlp == "" {
		return nil
	}
	headers, err := r.env.otlpHeaders()
	if err != nil {
		return err
	}
	r.pusher, err = metrics.NewPusher(r.metrics, metrics.PushConfig{Endpoint: f.otlp, Headers: headers, Interval: f.otlpInterval,
		Host: r.env.Hostname(), Logs: f.otlpLogs}, r.env.note)
	return err
}

func (r *serveRun) taps() []web.Tap {
	taps := []web.Tap{{
		Report:     func(w web.Watcher, report *watch.Report) { r.metrics.Report(w, report) },
		Interfaces: func(s *ifstat.Snapshot, _ []ifstat.Reading) { r.metrics.Interfaces(s) },
	}}
	if r.pusher != nil {
		taps = append(taps, web.Tap{Report: func(_ web.Watcher, report *watch.Report) { r.pusher.Report(report) }})
	}
	if r.recording != nil {
		taps = append(taps, r.recording.tap())
	}
	return taps
}

func (r *serveRun) serverConfig() web.Config {
	var secure *tls.Config
	if r.cert != nil {
		secure = r.cert.Config()
	}
	cfg := web.Config{Hub: r.hub, Keys: r.keys, Open: r.loopback(), TLS: secure, Hosts: r.flags.hosts, ReadOnly: r.flags.readOnly,
		Metrics: r.metrics, OpenMetrics: r.flags.metricsOpen, Version: r.env.plainVersion(), Errors: r.env.note,
		Actions: r.actions()}
	if r.recording != nil {
		cfg.Past, cfg.Recorder = &past{r.env, r.recording}, r.recorder
	}
	return cfg
}

// recorder is how the recorder is, and those whom it tells.
func (r *serveRun) recorder() *web.Recorder {
	s := r.recording.status()
	for _, t := range r.tellers {
		c := t.Counts()
		s.Alerts, s.Dropped = s.Alerts+c.Told, s.Dropped+c.Dropped
	}
	return s
}

func (r *serveRun) loopback() bool {
	a, ok := r.addr.(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// reload reads again what files say. What cannot be read leaves what was.
func (r *serveRun) reload() error {
	var errs []error
	if path := r.flags.secrets.TokenFile; path != "" {
		token, err := web.ReadToken(path)
		if err == nil {
			r.token.Store(&token)
			r.keys.Replace(token)
		}
		errs = append(errs, err)
	}
	if r.cert != nil {
		errs = append(errs, r.cert.Reload())
	}
	r.stale.Store(true)
	return errors.Join(errs...)
}

// url is where the page is; with the token behind a '#', which a browser does not send.
func (r *serveRun) url(withToken bool) string {
	u := url.URL{Scheme: "http", Host: r.addr.String(), Path: "/"}
	if r.cert != nil {
		u.Scheme = "https"
	}
	if _, port, err := net.SplitHostPort(u.Host); err == nil && len(r.flags.hosts) > 0 {
		u.Host = net.JoinHostPort(r.flags.hosts[0], port)
	}
	text := u.String()
	if withToken {
		text += "#token=" + url.QueryEscape(*r.token.Load())
	}
	return text
}

// grace is how long requests under way may take when the server ends.
const grace = 3 * time.Second

// run serves until the context ends, or something that the others need has failed.
func (r *serveRun) run(ctx context.Context) error {
	ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()
	var all sync.WaitGroup
	errs := make(chan error, 3)
	start := func(f func(context.Context) error) {
		all.Go(func() {
			err := f(ctx)
			errs <- err
			r.stop()
		})
	}
	start(r.read)
	if r.recording != nil {
		all.Go(r.recording.run)
	}
	start(func(ctx context.Context) error { return r.server.Serve(ctx, r.listener, grace) })
	if r.control != nil {
		start(r.control.serve)
	}
	if r.pusher != nil {
		all.Go(func() { r.pusher.Run(ctx) })
	}
	all.Go(func() { r.hangups(ctx) })
	r.announce()
	all.Wait()
	close(errs)
	var failed []error
	for err := range errs {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// read reads the machine until the context ends. What was read last is recorded still.
func (r *serveRun) read(ctx context.Context) error {
	if r.recording != nil {
		defer r.recording.end()
	}
	return r.hub.Run(ctx)
}

// announce says where the server is. The token is for a terminal only, and so on standard output, of which that is known:
// standard error may be a log all the same, which is read by others.
func (r *serveRun) announce() {
	fmt.Fprintf(r.env.Stderr, "sockeye: serving %s\n", r.url(false))
	if r.env.Terminal {
		_ = r.env.print(r.url(true) + "\n") // who closed the terminal sees nothing, and is served
	}
	if err := r.env.notify("READY=1"); err != nil {
		r.env.note(err)
	}
	if r.env.Ready != nil {
		r.env.Ready()
	}
}

// hangups reloads at SIGHUP, until the context ends.
func (r *serveRun) hangups(ctx context.Context) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			if err := r.env.notify("STOPPING=1"); err != nil {
				r.env.note(err)
			}
			return
		case <-hup:
			if err := r.reload(); err != nil {
				r.env.complain(err)
			}
		}
	}
}

// notify tells systemd how the service is (sd_notify(3)), where it wants to know.
func (e *Env) notify(state string) error {
	path := e.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	c, err := net.Dial("unixgram", path)
	if err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	_, err = io.WriteString(c, state)
	return cmp.Or(err, c.Close())
}

// unescape undoes percent-encoding, in which a plus is a plus.
func unescape(text string) (string, bool) {
	plain, err := url.PathUnescape(text)
	return plain, err != nil
}
