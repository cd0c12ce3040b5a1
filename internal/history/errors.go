package history

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// What can be wrong with a history. Errors of this package are a *OpError, for which errors.Is finds one of these.
var (
	ErrLocked   = errors.New("another process records into this history")
	ErrReadOnly = errors.New("the history cannot be written here")
	ErrDenied   = errors.New("this user may not read the history")
	ErrFull     = errors.New("no room is left for the history; what was stored is kept")
	ErrDamaged  = errors.New("the history is damaged")
	ErrNewer    = errors.New("the history was written by a later sockeye")
	ErrOlder    = errors.New("the history was written by an earlier sockeye, and is brought up to date when recording begins")
	ErrForeign  = errors.New("the file is no history of sockeye")
	ErrNone     = errors.New("there is no history")
	ErrBusy     = errors.New("the history is in use")
)

// OpError is the error of an operation on a history.
type OpError struct {
	Op   string // "open", "write", "read", ...
	Path string
	Kind error // one of the above, or nil
	Err  error // what the system or SQLite says; may be nil where Kind says all
}

// Error is one line.
func (e *OpError) Error() string {
	text := fmt.Sprintf("history: %s %s", e.Op, e.Path)
	if e.Kind != nil {
		text += ": " + e.Kind.Error()
	}
	if e.Err != nil && e.Err != e.Kind {
		text += ": " + strings.Join(strings.Fields(e.Err.Error()), " ")
	}
	return text
}

// Unwrap gives both what kind of error it is, and the error underneath.
func (e *OpError) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// wrap makes an OpError of what SQLite or the system said.
func wrap(op, path string, err error) error {
	var done *OpError
	if err == nil || errors.As(err, &done) {
		return err
	}
	return &OpError{Op: op, Path: path, Kind: kindOf(err), Err: err}
}

// kindOf sorts errors. SQLite's extended result codes have the primary one in the low byte (sqlite.org/rescode.html).
func kindOf(err error) error {
	var e *sqlite.Error
	for _, kind := range [...]error{ErrLocked, ErrDamaged, ErrNewer, ErrOlder, ErrForeign, ErrNone} {
		if errors.Is(err, kind) { // and says so
			return nil
		}
	}
	if !errors.As(err, &e) {
		return kindOfSystem(err)
	}
	if e.Code() == lib.SQLITE_IOERR_SHMSIZE { // the index of the log found no room
		return ErrFull
	}
	switch e.Code() & 0xff {
	case lib.SQLITE_FULL:
		return ErrFull
	case lib.SQLITE_READONLY, lib.SQLITE_PERM:
		return ErrReadOnly
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return ErrDamaged
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return ErrBusy
	}
	return nil
}

func kindOfSystem(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission), isReadOnly(err):
		return ErrReadOnly
	case isNoSpace(err):
		return ErrFull
	}
	return nil
}
