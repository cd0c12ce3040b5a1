package netstat

import (
	"iter"
	"sync"
	"time"
)

// Config chooses how a table is read. The zero Config, or a nil one, is right for nearly everyone.
type Config struct {
	// Method is the way to use. With Auto the best that works is taken, and a method that stops working (a kernel that
	// takes a privilege back) is replaced by the next. Any other is used alone: Open fails where it does not work.
	Method Method

	// Few says that only few sockets will be asked for at a time, those of a port for example: then the table takes no
	// memory for more in advance, which on a machine with many sockets takes longer than finding the few.
	Few bool
}

// Table is the socket table of the machine, opened once and read many times. It owns its descriptors, kernel objects and
// buffers until Close. Its methods may be called from several goroutines; they take turns.
type Table struct {
	mu   sync.Mutex
	impl *table
}

// Open prepares a table for reading. A nil Config is the zero Config.
func Open(cfg *Config) (*Table, error) {
	if cfg == nil {
		cfg = &Config{}
	}
	impl, err := openTable(cfg)
	if err != nil {
		return nil, &OpError{Op: "open", Err: err}
	}
	return &Table{impl: impl}, nil
}

// Snapshot is the table at one moment. Reading into a Snapshot again uses its memory again: Sockets, their Owners and
// their strings are valid until then. A Process pointer stays valid for good.
type Snapshot struct {
	Time    time.Time
	Sockets []Socket
	Method  Method  // how it was read
	Partial []error // what is missing, and what to do about it; empty when nothing is

	arena arena
}

// Read replaces the contents of s by the sockets that match q. An error means that nothing could be read; when only a
// part could not, Read succeeds and says so in s.Partial.
func (t *Table) Read(q Query, s *Snapshot) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.impl == nil {
		return &OpError{Op: "read", Err: ErrClosed}
	}
	sockets, owners := len(s.Sockets), len(s.arena.owners)
	s.reset()
	defer func() { s.forget(sockets, owners) }()
	q.Held = q.Held && q.Owner != OwnerNone
	if err := t.impl.read(&q, s); err != nil {
		return &OpError{Op: "read", Err: err}
	}
	if q.Ordered {
		s.sort()
	}
	return nil
}

// All is one pass over the sockets that match q, without holding them all: the *Socket is used again for the next one, so
// copy what is to be kept. What could not be read comes last, as pairs of nil and an error. The table is locked during the
// pass. Query.Ordered needs the whole table in memory.
func (t *Table) All(q Query) iter.Seq2[*Socket, error] {
	return func(yield func(*Socket, error) bool) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.impl == nil {
			yield(nil, &OpError{Op: "read", Err: ErrClosed})
			return
		}
		q.Held = q.Held && q.Owner != OwnerNone
		if q.Ordered {
			t.allOrdered(&q, yield)
			return
		}
		t.impl.each(&q, yield)
	}
}

func (t *Table) allOrdered(q *Query, yield func(*Socket, error) bool) {
	var s Snapshot
	if err := t.impl.read(q, &s); err != nil {
		yield(nil, &OpError{Op: "read", Err: err})
		return
	}
	s.sort()
	for i := range s.Sockets {
		if !yield(&s.Sockets[i], nil) {
			return
		}
	}
	for _, err := range s.Partial {
		if !yield(nil, err) {
			return
		}
	}
}

// Close releases what the table holds. It is safe to call more than once.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.impl == nil {
		return nil
	}
	err := t.impl.close()
	t.impl = nil
	return err
}

// List reads the sockets that match q once.
func List(q Query) (*Snapshot, error) {
	t, err := Open(nil)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	s := new(Snapshot)
	return s, t.Read(q, s)
}
