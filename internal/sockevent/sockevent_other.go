//go:build !linux

package sockevent

import (
	"errors"
	"fmt"
)

// Events is what this system does not have.
type Events struct{}

// Open returns errors.ErrUnsupported.
func Open(Config) (*Events, error) { return nil, fmt.Errorf("sockevent: %w", errors.ErrUnsupported) }

// Drain brings nothing.
func (*Events) Drain(func(*Record)) (lost uint64, err error) { return 0, nil }

// Datagrams brings nothing.
func (*Events) Datagrams(func(*Datagram)) error { return nil }

// Forget does nothing.
func (*Events) Forget(uint64) error { return nil }

// Close does nothing.
func (*Events) Close() error { return nil }
