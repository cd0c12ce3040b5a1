package cli

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/web"
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
	s.Recording, s.Why, _ = r.state()
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

// extent is how far the file goes, as the status has it.
type extent struct {
	read time.Time // zero: never
	from time.Time
	gaps uint64
	size int64 // with its log, in bytes
}

// extentAge is how old an extent may be: each viewer's hello and each status has one, and to read it opens the file.
const extentAge = time.Second

// extent reads the extent, or remembers it. Who asks at once waits for one reading.
func (r *recording) extent() extent {
	r.extentMu.Lock()
	defer r.extentMu.Unlock()
	if !r.known.read.IsZero() && time.Since(r.known.read) < extentAge {
		return r.known
	}
	span, _ := r.span(context.Background()) // what cannot be read is trouble already
	r.known = extent{time.Now(), span.From, uint64(len(span.Gaps)), 0}
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Stat(r.path + suffix); err == nil {
			r.known.size += info.Size()
		}
	}
	return r.known
}

// status is how the recorder is, for who may see everything.
func (r *recording) status() *web.Recorder {
	e := r.extent()
	s := &web.Recorder{File: r.path, From: e.from, Gaps: e.gaps, Size: e.size}
	s.Recording, s.Trouble, s.Began = r.state()
	return s
}

// state is whether it records, what keeps it from that, and since when it does.
func (r *recording) state() (records bool, why string, began time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble != nil {
		why = r.trouble.Error()
	}
	return !r.began.IsZero(), why, r.began
}
