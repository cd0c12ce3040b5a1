package web

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"time"
)

// pastRoutes are those of Config.Past.
func pastRoutes() []route {
	return []route{
		{"/api/history/span", get, nil, token, (*Server).past},
		{"/api/history/connections", get, []string{"at", "filter", "format", "from", "limit", "to"}, token, (*Server).past},
		{"/api/history/listeners", get, []string{"at", "filter", "format", "from", "gone", "limit", "to"}, token, (*Server).past},
		{"/api/history/groups", get, []string{"at", "by", "filter", "format", "from", "limit", "to"}, token, (*Server).past},
		{"/api/history/news", get, []string{"at", "filter", "format", "from", "kind", "limit", "to"}, token, (*Server).past},
		{"/api/history/interfaces", get, []string{"at", "format", "from", "interface", "to"}, token, (*Server).past},
	}
}

// Recorder is how the recorder of a server is.
type Recorder struct {
	Recording bool      `json:"recording"`
	File      string    `json:"file"`
	Size      int64     `json:"size"`           // bytes, with the log of writes
	From      time.Time `json:"from,omitzero"`  // the first moment that is kept
	Began     time.Time `json:"began,omitzero"` // when it began to record
	Trouble   string    `json:"trouble,omitempty"`
	Gaps      uint64    `json:"gaps,omitempty"` // remarks of what could not be recorded, in all that is kept
	Alerts    uint64    `json:"alerts,omitempty"`
	Dropped   uint64    `json:"alerts_dropped,omitempty"`
}

var errNoPast = errors.New("this server records nothing")

// emptySpan is what is recorded, where nothing is.
type emptySpan struct {
	Recording bool       `json:"recording"`
	Sessions  []struct{} `json:"sessions"`
	Gaps      []struct{} `json:"gaps"`
}

// past has the recorder's side answer, in its turn and for a limited time, into memory: a client who reads slowly holds up nobody.
// It is broken off when the client goes.
func (s *Server) past(w http.ResponseWriter, r *http.Request, g grant) {
	switch {
	case s.cfg.Past == nil && r.URL.Path == "/api/history/span":
		writeJSON(w, http.StatusOK, emptySpan{Sessions: []struct{}{}, Gaps: []struct{}{}})
		return
	case s.cfg.Past == nil:
		fail(w, http.StatusNotFound, errNoPast)
		return
	}
	a := &recollection{header: make(http.Header), code: http.StatusOK}
	if !s.recall(a, r) || !s.sending.begin(g.access, a.Len()) {
		fail(w, http.StatusServiceUnavailable, errBusy)
		return
	}
	defer s.sending.end(g.access, a.Len())
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.code)
	_, _ = w.Write(a.Bytes()) // to a client that has gone there is nothing to say
}

// recall waits for its turn, and reports whether that came.
func (s *Server) recall(a *recollection, r *http.Request) bool {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	case <-ctx.Done():
		return false
	}
	s.cfg.Past.ServeHTTP(a, r.WithContext(ctx))
	return true
}

// recollection is an answer in memory.
type recollection struct {
	header http.Header
	code   int
	bytes.Buffer
}

func (a *recollection) Header() http.Header  { return a.header }
func (a *recollection) WriteHeader(code int) { a.code = code }
