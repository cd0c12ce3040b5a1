package geoip

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by the methods of a closed database.
var ErrClosed = errors.New("database is closed")

// ErrUnknownFormat is what [Open] wraps for a file that is none of the databases this package reads.
var ErrUnknownFormat = errors.New("not a database of a known format")

// ErrFile is what errors wrap when the file could not be read while it was mapped: it was cut short, or its disk fails.
var ErrFile = errors.New("the mapped file can no longer be read")

// OpError is the error of an operation on a database file.
type OpError struct {
	Op   string // what was being done: "open", "lookup", "read", "reload"
	Path string
	Err  error
}

func (e *OpError) Error() string { return "geoip: " + e.Op + " " + e.Path + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }

// FormatError says where a database file is broken.
type FormatError struct {
	Format Format
	Offset int64 // in the file, in bytes; -1 where it is not known
	What   string
}

func (e *FormatError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%v: %s", e.Format, e.What)
	}
	return fmt.Sprintf("%v: offset %d (%#x): %s", e.Format, e.Offset, e.Offset, e.What)
}
