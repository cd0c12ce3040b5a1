package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
)

// policy is the page's: nothing but what this server sends, no form, no frame, and no text that becomes HTML.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// guard refuses what a foreign web page can make a browser send, and sets what every answer has.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.setHeaders(w.Header())
		if r.Method != http.MethodPost && r.ContentLength != 0 {
			w.Header().Set("Connection", "close") // or net/http would wait for the body
			fail(w, http.StatusBadRequest, errBody)
			return
		}
		if err := s.checkHost(r); err != nil {
			fail(w, http.StatusMisdirectedRequest, err)
			return
		}
		if err := s.checkOrigin(r); err != nil {
			fail(w, http.StatusForbidden, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// setHeaders has no Strict-Transport-Security: a browser would heed it for all ports of this host, where other servers may speak
// in the clear.
func (s *Server) setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Authorization")
}

// checkHost refuses names that are not this server's. A page at a name of its own that it has resolve to this machine (DNS
// rebinding) sends that name; it cannot send an address, which is why addresses are let pass if they are this server's.
func (s *Server) checkHost(r *http.Request) error {
	host := hostOf(r.Host)
	if host == "" {
		return errors.New("the request names no host")
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		if a = a.Unmap().WithZone(""); a.IsLoopback() || a == localAddr(r) || slices.Contains(s.hostAddrs, a) {
			return nil
		}
	} else if strings.EqualFold(host, "localhost") || slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return nil
	}
	return fmt.Errorf("this server is not called %q; if it is, start it with --host", view.CleanText(host))
}

// hostOf is without the port, and without the dot that a fully qualified name may end in.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.TrimSuffix(host, ".")
}

// localAddr is the address that the request came to.
func localAddr(r *http.Request) netip.Addr {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		ip, _ := netip.AddrFromSlice(a.IP)
		return ip.Unmap()
	}
	return netip.Addr{}
}

var errBody = errors.New("a request has a body with POST only")

var errForeign = errors.New("requests of other web pages are refused")

// checkOrigin refuses what other origins send, reading or not. A browser tells of itself by Origin (RFC 6454) or
// Sec-Fetch-Site; another port of this host is another origin, and may be another user's server. Following a link to the page
// is allowed. What sends neither is no browser, or one that is older than these.
func (s *Server) checkOrigin(r *http.Request) error {
	if list, has := r.Header["Origin"]; has {
		if len(list) != 1 || !s.sameOrigin(list[0], r.Host) {
			return errForeign
		}
		return nil
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return nil
	}
	if r.Header.Get("Sec-Fetch-Mode") == "navigate" && (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == "/" {
		return nil
	}
	return errForeign
}

func (s *Server) sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	scheme := map[bool]string{false: "http", true: "https"}[s.cfg.TLS != nil]
	return err == nil && u.Scheme == scheme && u.Host != "" && strings.EqualFold(u.Host, host) && u.Path == "" && u.RawQuery == ""
}
