package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/watch"
)

var methods = map[string]watch.Method{"bpf": watch.BPF, "notices": watch.Notices, "poll": watch.Poll}

// told is what a watcher told of the sockets that came and went; each connection has two.
type told struct {
	Opened    uint64 `json:"opened"`
	Closed    uint64 `json:"closed"`
	Inferred  uint64 `json:"inferred"` // of the closed: nothing was known of them before
	Owned     uint64 `json:"owned"`    // of the closed: with their owner
	Overflows uint64 `json:"overflows"`
	Lost      uint64 `json:"lost"` // by overflows, as far as the kernel tells
}

// look is the role of a program that uses package watch and does nothing with what it learns but count it. It is given the
// method and the interval, and says what it counted when it is interrupted.
func look(args []string) error {
	interval, err := time.ParseDuration(args[1])
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	w, err := watch.Open(&watch.Config{Method: methods[args[0]], Interval: interval})
	if err != nil {
		return err
	}
	defer w.Close()
	var t told
	for {
		r, err := w.Next(ctx)
		if errors.Is(err, context.Canceled) {
			return json.NewEncoder(os.Stdout).Encode(t)
		}
		if err != nil {
			return fmt.Errorf("next: %w", err)
		}
		t.count(r)
	}
}

func (t *told) count(r *watch.Report) {
	for i := range r.Events {
		if e := &r.Events[i]; e.Kind == watch.Closed && len(e.Socket.Owners) > 0 {
			t.Owned++
		}
	}
	c := &r.Counts
	t.Opened, t.Closed, t.Inferred, t.Overflows, t.Lost = c.Opened, c.Closed, c.Inferred, c.Overflows, c.Lost
}
