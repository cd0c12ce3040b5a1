package web

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
)

// route is one path of the server. Whatever it does not name is refused: openapi.json names the same, which a test holds.
type route struct {
	path    string
	methods []string
	params  []string // of the query
	needs   needs
	handler func(*Server, http.ResponseWriter, *http.Request, grant)
}

// needs is what a request must bring.
type needs uint8

const (
	nothing needs = iota // not even leave to see: it holds nothing
	leave                // Public, where that is open to all; else the token
	token                // Full
	session              // and a session, where the server is not read-only
)

var (
	get  = []string{http.MethodGet, http.MethodHead}
	post = []string{http.MethodPost}
)

var tableParams = []string{"filter", "format", "limit", "sort"}

// routeTable is what there is.
func routeTable() []route {
	return append(pastRoutes(), []route{
		{"/api/openapi.json", get, nil, nothing, (*Server).openAPI},
		{"/api/status", get, nil, leave, (*Server).status},
		{"/api/sockets", get, tableParams, leave, (*Server).sockets},
		{"/api/listeners", get, tableParams, leave, (*Server).listeners},
		{"/api/processes", get, usageParams, token, (*Server).usage},
		{"/api/units", get, usageParams, token, (*Server).usage},
		{"/api/hosts", get, usageParams, leave, (*Server).usage},
		{"/api/interfaces", get, []string{"format"}, leave, (*Server).interfaces},
		{"/api/events", get, []string{"filter", "topics"}, leave, (*Server).stream},
		{"/api/session", []string{http.MethodPost, http.MethodDelete}, nil, token, (*Server).session},
		{"/api/actions/{action}", post, nil, session, (*Server).act},
		{"/metrics", get, nil, nothing, (*Server).metrics},
	}...)
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for _, r := range routeTable() {
		mux.HandleFunc(r.path, func(w http.ResponseWriter, req *http.Request) { s.serve(&r, w, req) })
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, errNoRoute) })
	mux.Handle("/", pages())
	return mux
}

var errNoRoute = errors.New("there is nothing here; see /api/openapi.json")

// serve checks what every route has in common.
func (s *Server) serve(route *route, w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(route.methods, r.Method) {
		w.Header().Set("Allow", strings.Join(route.methods, ", "))
		fail(w, http.StatusMethodNotAllowed, fmt.Errorf("%s is not done here, but %s", view.CleanText(r.Method), strings.Join(route.methods, " and ")))
		return
	}
	g, code, err := s.allowed(route, r)
	if err != nil {
		fail(w, code, err)
		return
	}
	if err := checkQuery(route, r.URL); err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	route.handler(s, w, r, g)
}

func (s *Server) allowed(route *route, r *http.Request) (g grant, code int, err error) {
	if route.needs == nothing {
		return g, 0, nil
	}
	g, err = s.grantOf(r)
	switch {
	case err != nil:
		return g, http.StatusUnauthorized, err
	case route.needs >= token && g.access != Full:
		return g, http.StatusUnauthorized, errNoToken
	case route.needs == session && s.cfg.ReadOnly:
		return g, http.StatusForbidden, errReadOnly
	case route.needs == session && !g.change:
		return g, http.StatusForbidden, errNoSession
	}
	return g, 0, nil
}

var (
	errReadOnly  = errors.New("this server is read-only")
	errNoSession = errors.New("what changes something needs a session: POST to /api/session with the token, and send the session in its place")
)

// checkQuery refuses parameters that mean nothing: a misspelt filter would show everything.
func checkQuery(route *route, u *url.URL) error {
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("the query cannot be read: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list := values[name]
		switch {
		case !slices.Contains(route.params, name) && len(route.params) == 0:
			return fmt.Errorf("there is no parameter %q; there are none here", view.CleanText(name))
		case !slices.Contains(route.params, name):
			return fmt.Errorf("there is no parameter %q; there are %s", view.CleanText(name), strings.Join(route.params, ", "))
		case len(list) > 1:
			return fmt.Errorf("the parameter %s stands there twice", name)
		case len(list[0]) > maxFilter:
			return fmt.Errorf("the parameter %s is longer than %d bytes", name, maxFilter)
		}
	}
	return nil
}

//go:embed page
var pageFiles embed.FS

//go:embed openapi.json
var openAPIDocument []byte

// pages are the files of the page, which hold nothing of the machine.
func pages() http.Handler {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic("web: the page is not embedded: " + err.Error()) // a build cannot lack it
	}
	serve := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if _, err := fs.Stat(files, name); r.Method != http.MethodGet && r.Method != http.MethodHead || name != "" && (err != nil || strings.HasSuffix(name, "/")) {
			fail(w, http.StatusNotFound, errNoRoute)
			return
		}
		serve.ServeHTTP(w, r)
	})
}

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request, _ grant) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument) // to a client that has gone there is nothing to say
}

var errNoMetrics = errors.New("this server has no metrics")

// metrics are the token's, as they tell what programs do, unless the server was told otherwise.
func (s *Server) metrics(w http.ResponseWriter, r *http.Request, _ grant) {
	if s.cfg.Metrics == nil {
		fail(w, http.StatusNotFound, errNoMetrics)
		return
	}
	if !s.cfg.OpenMetrics {
		if g, err := s.grantOf(r); err != nil || g.access != Full {
			fail(w, http.StatusUnauthorized, fmt.Errorf("%w (in Prometheus: authorization, credentials_file)", errNoToken))
			return
		}
	}
	s.cfg.Metrics.ServeHTTP(w, r)
}
