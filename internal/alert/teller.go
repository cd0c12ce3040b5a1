package alert

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

// Config is what all ways of telling have in common.
type Config struct {
	Kinds  []history.NewsKind // those that are told; none is all
	Names  view.Names         // used by the teller's goroutine; Place is set by it
	Host   string             // name of this machine
	Errors func(error)        // told of what goes wrong, once for the same thing in a row; nil is nobody
}

// way is a way to tell. Its error says that the news was not told.
type way interface {
	tell(ctx context.Context, news []history.News) error
	most() int // pieces at once
}

// Teller tells news in one way, beside the recorder. Its methods may be called from several goroutines.
type Teller struct {
	cfg  Config
	way  way
	stop context.CancelFunc
	done chan struct{}
	wake chan struct{}

	mu      sync.Mutex
	queue   []history.News
	ended   bool
	counts  Counts
	problem string // told last
}

// Counts are how many pieces of news were told, and how many were not, as there was no room for them or nobody took them.
type Counts struct{ Told, Dropped uint64 }

// maxQueue is how many pieces of news wait for a way that is slow; lastWords how long Close waits for it.
const (
	maxQueue  = 256
	lastWords = 3 * time.Second
)

func start(cfg Config, w way) *Teller {
	ctx, stop := context.WithCancel(context.Background())
	t := &Teller{cfg: cfg, way: w, stop: stop, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go t.run(ctx)
	return t
}

// Tell takes news, and never waits. It is no error where there is no room: that is counted and said.
func (t *Teller) Tell(_ context.Context, news []history.News) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range news {
		switch {
		case len(t.cfg.Kinds) > 0 && !slices.Contains(t.cfg.Kinds, n.Kind):
		case t.ended || len(t.queue) >= maxQueue:
			t.counts.Dropped++
			t.say(errFull)
		default:
			t.queue = append(t.queue, n)
		}
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
	return nil
}

var errFull = errors.New("alerts: there is more news than can be told in time; what was left out is in sockeye history --news")

// say tells of a problem, once as long as it is the same. The lock is held.
func (t *Teller) say(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != t.problem && err != nil && t.cfg.Errors != nil {
		t.cfg.Errors(err)
	}
	t.problem = text
}

func (t *Teller) run(ctx context.Context) {
	defer close(t.done)
	for {
		news, over := t.next()
		switch {
		case len(news) > 0:
			t.told(len(news), t.way.tell(ctx, news))
		case over:
			return
		default:
			<-t.wake
		}
	}
}

// next takes the oldest from the queue.
func (t *Teller) next() (news []history.News, over bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.queue), t.way.most())
	news = slices.Clone(t.queue[:n])
	t.queue = slices.Delete(t.queue, 0, n)
	return news, t.ended
}

func (t *Teller) told(n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.counts.Dropped += uint64(n)
		t.say(fmt.Errorf("alerts: %w", err))
		return
	}
	t.counts.Told += uint64(n)
	if len(t.queue) == 0 {
		t.say(nil)
	}
}

// Counts are those since it began.
func (t *Teller) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts
}

// Close tells what waits, if that does not take long, and ends. It is safe to call more than once.
func (t *Teller) Close() error {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
	timer := time.AfterFunc(lastWords, t.stop)
	<-t.done
	timer.Stop()
	t.stop()
	return nil
}
