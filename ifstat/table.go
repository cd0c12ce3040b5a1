package ifstat

import (
	"sync"
	"time"
)

// Config chooses what is read, and how. The zero Config, or a nil one, is right for nearly everyone.
type Config struct {
	// Method is the way to use. With Auto the best that works is taken; any other is used alone, and Open fails where it
	// does not work.
	Method Method

	// NetNS is the path of a network namespace, /run/netns/NAME or /proc/PID/ns/net, whose interfaces are read. Empty is
	// that of the calling thread. Linux only; it needs CAP_SYS_ADMIN. The table keeps the namespace alive.
	NetNS string

	// AllNetNS reads the interfaces of every network namespace that can be entered. It looks for them at each reading, which
	// goes through /proc, and keeps each alive until the reading after its end. In such a snapshot both ends of a pair are
	// here, so its total is of the hardware. Linux only.
	AllNetNS bool
}

// Table is the list of the machine's interfaces, opened once and read many times. It owns its descriptors and buffers
// until Close. Its methods may be called from several goroutines; they take turns.
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

// Snapshot is the interfaces at one moment. Reading into a Snapshot again uses the memory of its slices again; an
// Interface that was copied from it stays valid.
type Snapshot struct {
	Time       time.Time   // before the counters were read, with the monotonic clock's reading
	Interfaces []Interface // by namespace, then by index
	Method     Method
	Partial    []error // what is missing, and what to do about it; empty when nothing is
}

// reset empties s and notes the time.
func (s *Snapshot) reset() {
	s.Time, s.Method = time.Now(), Auto
	s.Interfaces, s.Partial = s.Interfaces[:0], s.Partial[:0]
}

// Read replaces the contents of s. An error means that nothing could be read; when only a part could not, Read succeeds
// and says so in s.Partial.
func (t *Table) Read(s *Snapshot) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.impl == nil {
		return &OpError{Op: "read", Err: ErrClosed}
	}
	s.reset()
	if err := t.impl.read(s); err != nil {
		return &OpError{Op: "read", Err: err}
	}
	return nil
}

// Changed reports whether something about the interfaces but their counters may have changed since the last Read: one came,
// went, got another name, state or address. It never waits. On Linux it is one system call, which asks for notices of the
// kernel; where there are none (Windows, /proc/net/dev) it always reports true, so that the caller reads. It does not look for new
// network namespaces.
func (t *Table) Changed() (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.impl == nil {
		return false, &OpError{Op: "changed", Err: ErrClosed}
	}
	changed, err := t.impl.changed()
	if err != nil {
		return true, &OpError{Op: "changed", Err: err}
	}
	return changed, nil
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

// List reads the interfaces once.
func List() (*Snapshot, error) {
	t, err := Open(nil)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	s := new(Snapshot)
	return s, t.Read(s)
}
