package sockevent

import (
	"errors"
	"fmt"
)

// Events is the attached programs and what they wrote. Not for concurrent use.
type Events struct{}

// Open loads and attaches the programs. They stay until Close. The error wraps fs.ErrPermission (EPERM) where this
// process may not use BPF, errors.ErrUnsupported where the kernel lacks something (then Datagrams alone may be what it
// lacks: ask again without), and a *bpf.VerifierError where it refuses a program.
func Open(cfg Config) (*Events, error) {
	return nil, fmt.Errorf("sockevent: %w", errors.ErrUnsupported)
}

// Drain hands over every record that waits, oldest first of each processor, and never blocks. The *Record is one and the
// same for all calls of take. lost is how many records found no room in the ring since the last Drain.
func (e *Events) Drain(take func(*Record)) (lost uint64, err error) { return 0, nil }

// Datagrams hands over every socket that is counted now, in no order. The *Datagram is one and the same for all calls of
// take, which must not call Forget. An entry stays until Forget.
func (e *Events) Datagrams(take func(*Datagram)) error { return nil }

// Forget deletes an entry of Datagrams. It is no error if there is none. A socket that is used again comes anew.
func (e *Events) Forget(cookie uint64) error { return nil }

// Close detaches the programs and releases all memory. The Events must not be used after it.
func (e *Events) Close() error { return nil }
