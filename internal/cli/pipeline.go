package cli

import (
	"sync"

	"github.com/sockeye-net/sockeye/netstat"
)

// batchSize is how many sockets go from one goroutine to the other at a time.
const batchSize = 256

// batch holds copies of sockets, whose owners live beside them.
type batch struct {
	sockets []netstat.Socket
	owners  []netstat.Owner
}

func (b *batch) add(s *netstat.Socket) {
	b.sockets = append(b.sockets, *s)
	if s.Owners != nil {
		from := len(b.owners)
		b.owners = append(b.owners, s.Owners...)
		b.sockets[len(b.sockets)-1].Owners = b.owners[from:len(b.owners):len(b.owners)]
	}
}

func (b *batch) reset() { b.sockets, b.owners = b.sockets[:0], b.owners[:0] }

// pipeline hands sockets to another goroutine, which formats them while the next are read: each takes about as long as
// the other. Order is kept. A few batches go round, so that memory does not grow with the table.
type pipeline struct {
	full, free chan *batch
	now        *batch
	done       sync.WaitGroup
	err        error
	failed     chan struct{} // closed when the consumer gave up with err
}

func newPipeline(consume func(*netstat.Socket) error) *pipeline {
	p := &pipeline{full: make(chan *batch, 4), free: make(chan *batch, 4), now: new(batch), failed: make(chan struct{})}
	for range cap(p.free) - 1 {
		p.free <- new(batch)
	}
	p.done.Go(func() { p.consume(consume) })
	return p
}

func (p *pipeline) consume(each func(*netstat.Socket) error) {
	for b := range p.full {
		for i := range b.sockets {
			if p.err = each(&b.sockets[i]); p.err != nil {
				close(p.failed)
				return
			}
		}
		b.reset()
		p.free <- b
	}
}

// put hands over a copy of a socket. It reports false when the consumer has failed; end gives its error.
func (p *pipeline) put(s *netstat.Socket) bool {
	p.now.add(s)
	return len(p.now.sockets) < batchSize || p.flush()
}

func (p *pipeline) flush() bool {
	select {
	case p.full <- p.now:
	case <-p.failed:
		return false
	}
	select {
	case p.now = <-p.free:
		return true
	case <-p.failed:
		return false
	}
}

// end waits until all that was put is consumed.
func (p *pipeline) end() error {
	p.flush()
	close(p.full)
	p.done.Wait()
	return p.err
}
