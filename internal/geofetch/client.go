package geofetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// client asks servers, by HTTP.
type client struct {
	transport *http.Transport
	idle      time.Duration
	agent     string
	secrets   []string
}

const (
	maxRedirects = 5
	maxHeader    = 64 << 10 // bytes
	leastBytes   = 1 << 10  // of a file, in the time that is idle
)

var errNotModified = errors.New("not modified")

// newClient asks for files as they are: a checksum is that of the file, not of what a server or a library makes of it on
// the way.
func newClient(opt Options, src Source) *client {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: opt.TLS,
		DialContext: (&net.Dialer{Timeout: opt.Idle}).DialContext, MaxResponseHeaderBytes: maxHeader,
	}
	return &client{transport: t, idle: opt.Idle, agent: opt.UserAgent, secrets: secrets(src.URL, src.SHA256URL)}
}

func (c *client) close() { c.transport.CloseIdleConnections() }

func (c *client) scrub(err error) error { return scrub(err, c.secrets) }

// parseAddress says nothing of what is wrong in an address: errors of url.Parse quote it.
func parseAddress(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the address %s is not one of the form https://host/path or http://host/path", Redact(address))
	}
	return u, nil
}

// answer is what a server sent.
type answer struct {
	*http.Response
	from  *url.URL
	watch *watchdog
	read  int64 // bytes of the body
}

// Close must be called for every answer.
func (a *answer) Close() {
	a.Body.Close()
	a.watch.stop()
}

// get follows redirections. The caller closes the answer, and reads it by its method Read.
func (c *client) get(ctx context.Context, address string, header http.Header) (*answer, error) {
	u, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	ctx, w := newWatchdog(ctx, c.idle)
	resp, u, err := c.follow(ctx, w, u, header)
	if err != nil {
		w.stop()
		return nil, err
	}
	return &answer{Response: resp, from: u, watch: w}, nil
}

func (c *client) follow(ctx context.Context, w *watchdog, u *url.URL, header http.Header) (*http.Response, *url.URL, error) {
	for range maxRedirects + 1 {
		w.wait()
		resp, err := c.ask(ctx, u, header)
		w.fed(leastBytes)
		if err != nil {
			return nil, u, w.explain(err, "no answer from %s", u.Host)
		}
		if !redirects(resp.StatusCode) {
			return resp, u, nil
		}
		resp.Body.Close()
		if u, err = redirected(u, resp.Header.Get("Location")); err != nil {
			return nil, u, err
		}
	}
	return nil, u, fmt.Errorf("more than %d redirections, the last to %s", maxRedirects, redact(u))
}

// ask makes one request. It is not left to http.Client, which tells a server where a redirection came from (Referer), with
// the key that may be in it, and quotes addresses in its errors.
func (c *client) ask(ctx context.Context, u *url.URL, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept-Encoding", "identity")
	if u.User != nil {
		password, _ := u.User.Password()
		req.SetBasicAuth(u.User.Username(), password)
	}
	return c.transport.RoundTrip(req)
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// redirected is where a server sends us. User and password go with us as long as it is the same server.
func redirected(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	if err != nil || location == "" || to.Host == "" {
		return from, fmt.Errorf("%s redirects to an address that cannot be understood", redact(from))
	}
	switch {
	case to.Scheme != "http" && to.Scheme != "https":
		return from, fmt.Errorf("%s redirects to %s, which is neither https nor http", redact(from), redact(to))
	case from.Scheme == "https" && to.Scheme == "http":
		return from, fmt.Errorf("%s redirects from https to %s, which anybody on the way could change", redact(from), redact(to))
	case to.User == nil && to.Scheme == from.Scheme && to.Host == from.Host:
		to.User = from.User
	}
	return to, nil
}

// Read reads the body. A body that ends before its announced length is io.ErrUnexpectedEOF.
func (a *answer) Read(p []byte) (int, error) {
	a.watch.wait()
	n, err := a.Body.Read(p)
	a.read += int64(n)
	a.watch.fed(n)
	switch {
	case err == nil, errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return n, err
	case a.ContentLength >= 0:
		return n, a.watch.explain(err, "the transfer broke off after %d of %d bytes", a.read, a.ContentLength)
	}
	return n, a.watch.explain(err, "the transfer broke off after %d bytes", a.read)
}
