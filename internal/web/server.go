package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Config is a server's.
type Config struct {
	Hub      *Hub
	Keys     *Keys
	Open     bool        // who has no token may see what Public allows; else nothing
	TLS      *tls.Config // nil: requests come in the clear
	Hosts    []string    // names that this server is called by, beside localhost and its addresses
	ReadOnly bool        // nothing can be changed through it
	Metrics  http.Handler
	// OpenMetrics lets everyone read the metrics, which say what programs do.
	OpenMetrics bool
	// Past answers for /api/history; nil is that nothing is recorded. It is asked only by who may see everything, and with no
	// parameters but those of the document.
	Past     http.Handler
	Recorder func() *Recorder  // how the recorder is; nil where there is none
	Actions  map[string]Action // what a POST to /api/actions/NAME does
	Version  string
	Errors   func(error) // is told of what goes wrong in the server itself; nil is nobody
}

// Action changes something. Its result is sent as JSON; nil is none.
type Action func(ctx context.Context, body json.RawMessage) (any, error)

// Limits of what one client may cost.
const (
	maxBody        = 64 << 10 // bytes
	maxHeader      = 16 << 10
	maxFilter      = 4 << 10
	maxConnections = 1024
	maxAsking      = 2 // questions about the past that are answered at once
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	answerTimeout  = 30 * time.Second
	idleTimeout    = 60 * time.Second
	frameTimeout   = 10 * time.Second // for a viewer to take what is sent
)

// Server answers requests.
type Server struct {
	cfg       Config
	handler   http.Handler
	sending   *sending
	asking    chan struct{} // questions about the past
	hostAddrs []netip.Addr
}

// New makes a server.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, sending: newSending(), asking: make(chan struct{}, maxAsking)}
	for _, h := range cfg.Hosts {
		if a, err := netip.ParseAddr(strings.Trim(h, "[]")); err == nil {
			s.hostAddrs = append(s.hostAddrs, a.Unmap())
		}
	}
	s.handler = s.guard(s.routes())
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Get answers a request that came in another way than by HTTP, from the server's own user.
func (s *Server) Get(ctx context.Context, w http.ResponseWriter, target string) error {
	r, err := http.NewRequestWithContext(WithFullAccess(ctx), http.MethodGet, "http://localhost"+target, nil)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/api/events") {
		return fmt.Errorf("%q is not to be had in this way", target)
	}
	r.Host = "localhost"
	r.Body = http.NoBody
	s.handler.ServeHTTP(w, r)
	return nil
}

// Serve answers requests until the context ends, and then waits for those under way, at most for grace.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	few := limit(l, maxConnections)
	server := &http.Server{Handler: s, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: log.New(errorLog{s.cfg.Errors}, "", 0), Protocols: new(http.Protocols),
		ConnState: few.state}
	server.Protocols.SetHTTP1(true) // one protocol: the limits above are those of its connections
	l = few
	if s.cfg.TLS != nil {
		l = tls.NewListener(l, s.cfg.TLS)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(last)
	if err != nil {
		err = server.Close()
	}
	<-done
	return err
}

// errorLog hands the lines of net/http's log on. Those of failed handshakes are left out: anyone can cause them.
type errorLog struct{ to func(error) }

func (e errorLog) Write(line []byte) (int, error) {
	if e.to != nil && !bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		e.to(errors.New(strings.TrimSpace(string(line))))
	}
	return len(line), nil
}

// fail answers with an error as JSON.
func fail(w http.ResponseWriter, code int, err error) {
	switch code {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="sockeye"`)
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	writeJSON(w, code, map[string]string{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // to a client that has gone there is nothing to say
}
