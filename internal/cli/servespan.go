package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
)

// pastSpan is what is recorded.
type pastSpan struct {
	Recording bool          `json:"recording"`
	Why       string        `json:"why,omitempty"`
	From      time.Time     `json:"from,omitzero"`
	To        time.Time     `json:"to,omitzero"`
	Sessions  []pastSession `json:"sessions"`
	Gaps      []pastGap     `json:"gaps"`
}

type pastSession struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

type pastGap struct {
	Time time.Time `json:"time"`
	Lost uint64    `json:"lost,omitempty"`
	Why  string    `json:"why"`
}

// mostSpans is how many sessions and gaps are told.
const mostSpans = 1000

func (p *past) span(w http.ResponseWriter, r *http.Request) {
	s, err := p.recording.span(r.Context())
	if err != nil && !errors.Is(err, history.ErrNone) {
		pastFailed(w, http.StatusServiceUnavailable, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s) // to a client that has gone there is nothing to say
}

// span reads what is recorded.
func (r *recording) span(ctx context.Context) (*pastSpan, error) {
	s := &pastSpan{Sessions: []pastSession{}, Gaps: []pastGap{}}
	r.mu.Lock()
	s.Recording = !r.began.IsZero()
	if r.trouble != nil {
		s.Why = r.trouble.Error()
	}
	r.mu.Unlock()
	reader, err := history.OpenReader(r.path)
	if err != nil {
		return s, err
	}
	defer reader.Close()
	sessions, err := reader.Sessions(ctx, time.Time{}, time.Time{})
	if err != nil {
		return s, err
	}
	for _, one := range sessions {
		s.Sessions = append(s.Sessions, pastSession{one.From, one.To})
		if s.From.IsZero() || one.From.Before(s.From) {
			s.From = one.From
		}
		if one.To.After(s.To) {
			s.To = one.To
		}
	}
	gaps, err := reader.Gaps(ctx, time.Time{}, time.Time{})
	for _, g := range gaps {
		s.Gaps = append(s.Gaps, pastGap{g.Time, g.Lost, g.Why})
	}
	s.Sessions, s.Gaps = s.Sessions[max(0, len(s.Sessions)-mostSpans):], s.Gaps[max(0, len(s.Gaps)-mostSpans):]
	return s, err
}
