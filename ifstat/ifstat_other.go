//go:build !linux && !windows

package ifstat

import "errors"

type table struct{}

func openTable(*Config) (*table, error) { return nil, errors.ErrUnsupported }
func (*table) read(*Snapshot) error     { return errors.ErrUnsupported }
func (*table) changed() (bool, error)   { return true, errors.ErrUnsupported }
func (*table) close() error             { return nil }
