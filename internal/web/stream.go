package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
)

const streamType = "text/event-stream"

// defaultTopics are those that everybody may have.
const defaultTopics = "sockets,interfaces,events"

// stream sends what changes, as server-sent events, until the client goes.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, g grant) {
	wish, err := wishesOf(r, g)
	switch {
	case errors.Is(err, errNoToken):
		fail(w, http.StatusUnauthorized, err)
		return
	case err != nil:
		fail(w, http.StatusBadRequest, err)
		return
	}
	if r.Method == http.MethodHead { // it has no body that could go on
		w.Header().Set("Content-Type", streamType)
		return
	}
	v, err := s.cfg.Hub.join(wish)
	var syntax *view.SyntaxError
	switch {
	case errors.Is(err, errTooMany), errors.Is(err, errWishes), errors.Is(err, errEnded):
		fail(w, http.StatusServiceUnavailable, err)
		return
	case errors.As(err, &syntax), err != nil:
		fail(w, http.StatusBadRequest, err)
		return
	}
	defer s.cfg.Hub.Leave(v)
	s.pour(w, r, v, s.hello(g))
}

func wishesOf(r *http.Request, g grant) (wishes, error) {
	query := r.URL.Query()
	list := query.Get("topics")
	if list == "" {
		list = defaultTopics
	}
	all, err := parseTopics(list)
	if err != nil {
		return wishes{}, err
	}
	for _, t := range all {
		if t.private() && g.access != Full {
			return wishes{}, fmt.Errorf("topic %s: %w", t, errNoToken)
		}
	}
	return wishes{topics: all, access: g.access, filter: query.Get("filter")}, nil
}

// hello is the first event of a stream.
func (s *Server) hello(g grant) []byte {
	text, err := json.Marshal(s.Status(g.access))
	if err != nil {
		text = []byte("{}")
	}
	return frame("hello", text)
}

// pour sends frames to one viewer. Each has to be taken in time: a connection that stands still ends.
func (s *Server) pour(w http.ResponseWriter, r *http.Request, v *viewer, hello []byte) {
	to := http.NewResponseController(w)
	w.Header().Set("Content-Type", streamType)
	// Without chunks a frame is one write(2); the stream ends with the connection.
	w.Header().Set("Transfer-Encoding", "identity")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it back
	if send(w, to, hello) != nil {
		return
	}
	// By now the whole request was read, whatever body it had; its deadline would end the connection later, and that of writing
	// is set for each frame.
	if to.SetReadDeadline(time.Time{}) != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case frames, open := <-v.queue:
			if !open || send(w, to, frames) != nil {
				return
			}
			v.taken(frames)
		}
	}
}

func send(w http.ResponseWriter, to *http.ResponseController, frames []byte) error {
	if err := to.SetWriteDeadline(time.Now().Add(frameTimeout)); err != nil {
		return err
	}
	if _, err := w.Write(frames); err != nil {
		return err
	}
	return to.Flush()
}
