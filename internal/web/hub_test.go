package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// failing is a watcher that cannot read, and then can. Each attempt takes half a minute of a clock.
type failing struct {
	*watch.Watcher
	errs []error
	now  time.Time
}

func (w *failing) Next(ctx context.Context) (*watch.Report, error) {
	if len(w.errs) == 0 {
		return w.Watcher.Next(ctx)
	}
	err := w.errs[0]
	w.errs, w.now = w.errs[1:], w.now.Add(patience/2)
	return nil, err
}

// TestFailures: readings may fail for a minute, which the status says, and then end the hub, and its streams.
func TestFailures(t *testing.T) {
	bad := errors.New("no memory")
	for _, c := range []struct {
		errs []error
		ends bool
	}{{[]error{bad, bad, bad}, false}, {[]error{bad, bad, bad, bad}, true}, {[]error{watch.ErrClosed}, true}} {
		inner, err := watch.Open(&watch.Config{Method: watch.Poll, Interval: testPace})
		if err != nil {
			t.Fatal(err)
		}
		w := &failing{inner, c.errs, dealtAt}
		h := NewHub(HubConfig{Watcher: w, Details: (*netstat.Process).Details, Now: func() time.Time { return w.now }})
		ctx, stop := context.WithTimeout(t.Context(), 10*testPace)
		err = h.Run(ctx)
		stop()
		if (err != nil) != c.ends || err != nil && !strings.Contains(err.Error(), "reading the sockets: ") {
			t.Errorf("after %v: %v", c.errs, err)
		}
		if h.now.seq == 0 != c.ends || !h.ended {
			t.Errorf("after %v: %d readings, ended %v", c.errs, h.now.seq, h.ended)
		}
		if says := strings.Join(h.status(Public).Partial, ""); strings.Contains(says, "since 2025-10-09T08:53:50Z: no memory") != (len(c.errs) == 4) {
			t.Errorf("after %v the status says %q", c.errs, says)
		}
		inner.Close()
	}
}
