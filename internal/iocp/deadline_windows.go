package iocp

import (
	"sync"
	"time"
)

// Deadline is a moment after which calls end. The zero Deadline is never. It may be set while calls wait.
type Deadline struct {
	mu      sync.Mutex
	timer   *time.Timer
	expired chan struct{} // closed at the moment; nil until somebody asks or sets it
}

// Set sets the moment; the zero time is never.
func (d *Deadline) Set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.expired // the timer's function runs, and closes it
	}
	d.timer = nil
	if d.expired == nil || closed(d.expired) {
		d.expired = make(chan struct{})
	}
	if t.IsZero() {
		return
	}
	if left := time.Until(t); left > 0 {
		expired := d.expired
		d.timer = time.AfterFunc(left, func() { close(expired) })
		return
	}
	close(d.expired)
}

// Expired reports whether the moment has passed.
func (d *Deadline) Expired() bool { return closed(d.Wait()) }

// Wait returns a channel that is closed at the moment.
func (d *Deadline) Wait() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.expired == nil {
		d.expired = make(chan struct{})
	}
	return d.expired
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
