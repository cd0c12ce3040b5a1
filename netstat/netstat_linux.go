package netstat

import "errors"

// Skeleton while the parts below it are written.
type table struct{}

func openTable(*Config) (*table, error)                       { return nil, errors.ErrUnsupported }
func (*table) read(*Query, *Snapshot) error                   { return errors.ErrUnsupported }
func (*table) each(_ *Query, yield func(*Socket, error) bool) { yield(nil, errors.ErrUnsupported) }
func (*table) close() error                                   { return nil }
func processDetails(*Process) (Details, error)                { return Details{}, errors.ErrUnsupported }
func probe() []Capability                                     { return nil }
func pin(PinConfig) error                                     { return errors.ErrUnsupported }
func unpin() error                                            { return errors.ErrUnsupported }
