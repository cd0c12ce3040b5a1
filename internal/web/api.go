package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

var usageParams = []string{"format", "limit", "sort"}

// formats are the words of the parameter format, with their content types.
var formats = map[string]struct {
	view.Format
	contentType string
}{
	"":      {view.JSON, "application/json"},
	"json":  {view.JSON, "application/json"},
	"jsonl": {view.JSONL, "application/x-ndjson"},
	"csv":   {view.CSV, "text/csv; charset=utf-8; header=present"},
}

// asked is a table that somebody wants.
type asked struct {
	grant
	query       url.Values
	format      view.Format
	contentType string
	limit       int // 0 is none
}

func ask(r *http.Request, g grant) (asked, error) {
	a := asked{grant: g, query: r.URL.Query()}
	f, ok := formats[a.query.Get("format")]
	if !ok {
		return a, fmt.Errorf("format is json, jsonl or csv, not %q", view.CleanText(a.query.Get("format")))
	}
	a.format, a.contentType = f.Format, f.contentType
	if text := a.query.Get("limit"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || n == 0 {
			return a, fmt.Errorf("limit is a number of rows, not %q", view.CleanText(text))
		}
		a.limit = int(n)
	}
	return a, nil
}

// badRequest marks an error as the client's.
type badRequest struct{ error }

// BadRequest marks the error of an action as one of who asks for it.
func BadRequest(err error) error { return badRequest{err} }

func (e badRequest) Unwrap() error { return e.error }

// table answers with what write writes. It is written to memory under the hub's lock, and sent without it: a client who reads
// slowly holds up nobody.
func (s *Server) table(w http.ResponseWriter, r *http.Request, g grant, write func(*Hub, *asked, io.Writer) error) {
	a, err := ask(r, g)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	body, err := s.render(r.Context(), &a, write)
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		fail(w, http.StatusBadRequest, bad.error)
		return
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	if !s.sending.begin(g.access, len(body)) {
		fail(w, http.StatusServiceUnavailable, errBusy)
		return
	}
	defer s.sending.end(g.access, len(body))
	w.Header().Set("Content-Type", a.contentType)
	_, _ = w.Write(body) // to a client that has gone there is nothing to say
}

var (
	errNotYet = errors.New("nothing was read yet; try again in a second")
	errBusy   = errors.New("too much is asked for at once; try again later")
)

// render waits for its turn, as tables take memory, and for the first reading.
func (s *Server) render(ctx context.Context, a *asked, write func(*Hub, *asked, io.Writer) error) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	done, err := s.sending.turn(ctx, a.access)
	if err != nil {
		return nil, err
	}
	defer done()
	h := s.cfg.Hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now.seq == 0 {
		return nil, errNotYet
	}
	var b bytes.Buffer
	err = write(h, a, &b)
	return b.Bytes(), err
}

func (h *Hub) options(a *asked) view.Options {
	needs := h.socketNeeds()
	cols := view.SchemaColumns(needs)
	if a.format == view.CSV {
		cols = view.FlatColumns(needs)
	}
	return view.Options{Format: a.format, Columns: cols, Names: &h.names, Time: h.now.time, Host: h.cfg.Host}
}

func (s *Server) sockets(w http.ResponseWriter, r *http.Request, g grant) {
	s.table(w, r, g, func(h *Hub, a *asked, to io.Writer) error { return h.list(a, to, 0) })
}

func (s *Server) listeners(w http.ResponseWriter, r *http.Request, g grant) {
	s.table(w, r, g, func(h *Hub, a *asked, to io.Writer) error {
		return h.list(a, to, netstat.StatesOf(netstat.Listen, netstat.Unconnected))
	})
}

// list writes sockets as the command list does. The filter sees what the viewer may see and no more, or it would be a way to
// guess the rest.
func (h *Hub) list(a *asked, to io.Writer, states netstat.States) error {
	filter, err := view.ParseFilter(a.query.Get("filter"), &h.names)
	if err != nil {
		return badRequest{err}
	}
	order, err := h.order(a)
	if err != nil {
		return badRequest{err}
	}
	var found []*netstat.Socket
	rows := h.now.rows(a.access)
	for i := range rows {
		if s := &rows[i]; states.Has(s.State) && filter.Match(s) {
			found = append(found, s)
		}
	}
	if order != nil {
		slices.SortStableFunc(found, order.Compare)
	}
	out := view.NewWriter(to, h.options(a))
	for _, s := range a.cut(found) {
		_ = out.Row(s) // to memory
	}
	return out.Close(h.now.missing(a.access))
}

func (h *Hub) order(a *asked) (*view.Order, error) {
	if a.query.Get("sort") == "" {
		return nil, nil
	}
	order, _, err := view.ParseOrder(a.query.Get("sort"), &h.names)
	return order, err
}

func (a *asked) cut(list []*netstat.Socket) []*netstat.Socket {
	if a.limit > 0 && len(list) > a.limit {
		return list[:a.limit]
	}
	return list
}

// usagePaths are the tables of usage.
var usagePaths = map[string]watch.By{"/api/processes": watch.ByProcess, "/api/units": watch.ByUnit, "/api/hosts": watch.ByRemote}

// usage writes what traffic --by writes.
func (s *Server) usage(w http.ResponseWriter, r *http.Request, g grant) {
	by := usagePaths[r.URL.Path]
	s.table(w, r, g, func(h *Hub, a *asked, to io.Writer) error { return h.usageTable(a, to, by) })
}

func (h *Hub) usageTable(a *asked, to io.Writer, by watch.By) error {
	sort := a.query.Get("sort")
	if sort == "" {
		sort = "rate"
	}
	if !slices.Contains(view.UsageOrders(), sort) {
		return badRequest{fmt.Errorf("sort is one of %s, not %q", strings.Join(view.UsageOrders(), ", "), view.CleanText(sort))}
	}
	rows := slices.Clone(h.now.usage[by])
	view.SortUsage(rows, sort)
	if a.limit > 0 && len(rows) > a.limit {
		rows = rows[:a.limit]
	}
	var geo []*view.Column
	if by == watch.ByRemote && h.names.Place != nil {
		geo = view.GeoColumns(a.format)
	}
	out := view.NewObjects(to, h.options(a), "readings")
	for i := range rows {
		_ = out.Usage(&h.names, &rows[i], geo) // to memory
	}
	return out.Close(h.now.missing(a.access))
}

// interfaces writes what traffic writes.
func (s *Server) interfaces(w http.ResponseWriter, r *http.Request, g grant) {
	s.table(w, r, g, func(h *Hub, a *asked, to io.Writer) error {
		out := view.NewObjects(to, h.options(a), "readings")
		for i := range h.now.links {
			_ = out.Traffic(&h.now.links[i]) // to memory
		}
		return out.Close(h.now.missing(a.access))
	})
}

// Status is how the server is.
type Status struct {
	Schema    int       `json:"schema"`
	Version   string    `json:"version"`
	Host      string    `json:"host"`
	Began     time.Time `json:"began"`
	Time      time.Time `json:"time"` // of the last reading
	Seq       uint64    `json:"seq"`
	Sockets   int       `json:"sockets"`
	Viewers   int       `json:"viewers"`
	Source    string    `json:"source"` // of events between two readings
	Opened    uint64    `json:"opened"`
	Closed    uint64    `json:"closed"`
	Lost      uint64    `json:"lost"` // events
	Overflows uint64    `json:"overflows"`
	Access    string    `json:"access"` // of who asks
	ReadOnly  bool      `json:"read_only"`
	Places    bool      `json:"places"` // it is known where remote ends are
	Actions   []string  `json:"actions"`
	Partial   []string  `json:"partial"`
	History   *Recorder `json:"history,omitempty"` // only for Full, and nil where nothing is recorded
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request, g grant) {
	writeJSON(w, http.StatusOK, s.Status(g.access))
}

// Status says how the server is.
func (s *Server) Status(access Access) Status {
	st := s.cfg.Hub.status(access)
	st.Version, st.Access, st.ReadOnly, st.Actions = s.cfg.Version, access.String(), s.cfg.ReadOnly, []string{}
	if !s.cfg.ReadOnly {
		for name := range s.cfg.Actions {
			st.Actions = append(st.Actions, name)
		}
		slices.Sort(st.Actions)
	}
	if access == Full && s.cfg.Recorder != nil {
		st.History = s.cfg.Recorder()
	}
	return st
}

func (h *Hub) status(access Access) Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := Status{Schema: view.Schema, Host: h.cfg.Host, Began: h.began, Time: h.now.time, Seq: h.now.seq, Sockets: len(h.now.sockets),
		Viewers: len(h.viewers), Source: h.cfg.Watcher.Source().String(), Opened: h.counts.Opened, Closed: h.counts.Closed, Lost: h.counts.Lost,
		Overflows: h.counts.Overflows, Places: h.names.Place != nil, Partial: []string{}}
	for _, err := range h.now.missing(access) {
		st.Partial = append(st.Partial, err.Error())
	}
	if h.failing != nil {
		st.Partial = append(st.Partial, fmt.Sprintf("nothing was read since %s: %v", h.failsSince.UTC().Format(time.RFC3339), h.failing))
	}
	return st
}

// session opens and ends sessions. One is opened with the token or another session.
func (s *Server) session(w http.ResponseWriter, r *http.Request, _ grant) {
	if r.Method == http.MethodDelete {
		secret, _ := bearer(r)
		s.cfg.Keys.end(secret)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	session, until := s.cfg.Keys.open()
	writeJSON(w, http.StatusCreated, map[string]any{"session": session, "until": until.UTC().Format(time.RFC3339)})
}

var errNoAction = errors.New("there is no such action; see actions in /api/status")

// act does what changes something.
func (s *Server) act(w http.ResponseWriter, r *http.Request, _ grant) {
	do, ok := s.cfg.Actions[r.PathValue("action")]
	if !ok {
		fail(w, http.StatusNotFound, errNoAction)
		return
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		fail(w, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d bytes", maxBody))
		return
	case err != nil || len(body) > 0 && !json.Valid(body):
		fail(w, http.StatusBadRequest, errors.New("the body is no JSON"))
		return
	}
	result, err := do(r.Context(), body)
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		fail(w, http.StatusBadRequest, bad.error)
		return
	case err != nil:
		fail(w, http.StatusConflict, err)
		return
	}
	if result == nil {
		result = struct{}{}
	}
	writeJSON(w, http.StatusOK, result)
}
