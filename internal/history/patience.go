package history

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// patience is how long a reader waits for whoever it tells, a pager for instance, before it lets go of the file. As long as it does
// not, the recorder's log can only grow.
const patience = 10 * time.Second

// identity is what does not change about a life.
type identity struct{ proto, local, lport, remote, rport, program, netns int64 }

func (w *row) identity() identity {
	return identity{w.proto, w.local, w.lport, w.remote, w.rport, w.program, w.netns}
}

// forward reads by the time at which lives began. Where it had to let go it asks again, for what is left.
func (r *Reader) forward(ctx context.Context, p *plan, yield func(*Life) error) error {
	t := teller{yield: yield, since: -1, told: make(map[identity]int)}
	for {
		l := hold(ctx, r.patience)
		err := r.run(l.ctx, p, fmt.Sprintf("SELECT * FROM (%s) WHERE opened >= %d ORDER BY opened", p.text, t.since), func(life *Life) error {
			return t.tell(l, p, life)
		})
		l.cancel()
		if err == nil || t.failed != nil || !l.gone.Load() || ctx.Err() != nil {
			return err
		}
		t.resume()
	}
}

// teller remembers what was told of those that began last.
type teller struct {
	yield      func(*Life) error
	failed     error // what it said
	since      int64
	told, skip map[identity]int
}

func (t *teller) tell(l *leash, p *plan, life *Life) error {
	if p.at != t.since {
		t.since = p.at
		clear(t.told)
		clear(t.skip)
	}
	if t.told[p.id]++; t.told[p.id] <= t.skip[p.id] {
		return nil
	}
	l.timer.Reset(l.patience)
	defer l.timer.Stop()
	t.failed = t.yield(life)
	return t.failed
}

// resume has those left out that were told already.
func (t *teller) resume() {
	for id, n := range t.skip {
		t.told[id] = max(t.told[id], n)
	}
	t.skip, t.told = t.told, make(map[identity]int)
}

// leash ends a query while somebody is told of a row for too long: package sql then closes it, whatever its reader does.
type leash struct {
	ctx      context.Context
	cancel   context.CancelFunc
	timer    *time.Timer
	patience time.Duration
	gone     atomic.Bool
}

func hold(ctx context.Context, patience time.Duration) *leash {
	l := &leash{patience: patience}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.timer = time.AfterFunc(patience, func() {
		l.gone.Store(true)
		l.cancel()
	})
	l.timer.Stop()
	return l
}
