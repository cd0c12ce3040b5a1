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

// failing is a watcher that cannot read, and then can.
type failing struct {
	*watch.Watcher
	errs []error
}

func (w *failing) Next(ctx context.Context) (*watch.Report, error) {
	if len(w.errs) == 0 {
		return w.Watcher.Next(ctx)
	}
	err := w.errs[0]
	w.errs = w.errs[1:]
	return nil, err
}

// TestFailures: a reading may fail, and three in a row end the hub, and its streams.
func TestFailures(t *testing.T) {
	bad := errors.New("no memory")
	for _, c := range []struct {
		errs []error
		ends bool
	}{{[]error{bad, bad}, false}, {[]error{bad, bad, bad}, true}, {[]error{watch.ErrClosed}, true}} {
		inner, err := watch.Open(&watch.Config{Method: watch.Poll, Interval: testPace})
		if err != nil {
			t.Fatal(err)
		}
		h := NewHub(HubConfig{Watcher: &failing{inner, c.errs}, Details: (*netstat.Process).Details, Now: time.Now})
		ctx, stop := context.WithTimeout(t.Context(), 5*testPace)
		err = h.Run(ctx)
		stop()
		if (err != nil) != c.ends || err != nil && !strings.Contains(err.Error(), "reading the sockets: ") {
			t.Errorf("after %v: %v", c.errs, err)
		}
		if h.now.seq == 0 != c.ends || !h.ended {
			t.Errorf("after %v: %d readings, ended %v", c.errs, h.now.seq, h.ended)
		}
		inner.Close()
	}
}
