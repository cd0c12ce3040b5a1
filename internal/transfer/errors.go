package transfer

import (
	"errors"
	"fmt"
)

// The errors of transfers, for errors.Is. What the system says is found underneath.
var (
	ErrPassphrase = errors.New("the passphrase is not the receiver's")
	ErrGuess      = errors.New("wrong passphrase")
	ErrStranger   = errors.New("the other end is no sockeye")
	ErrMode       = errors.New("both ends or none are plain")
	ErrSilent     = errors.New("nothing was heard of the other end")
	ErrBroken     = errors.New("the connection broke")
	ErrBusy       = errors.New("the receiver takes no more")
	ErrWeak       = errors.New("a passphrase has at least 8 characters")
)

// VersionError says that the other end speaks another version of the protocol.
type VersionError struct{ Theirs, Ours int }

func (e *VersionError) Error() string {
	older := "other"
	if e.Theirs > e.Ours {
		older = "this"
	}
	return fmt.Sprintf("the other end speaks version %d of the protocol and this one %d: update sockeye at %s end", e.Theirs, e.Ours, older)
}

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Status -linecomment -output=zstring.go

// Status is what became of a file.
type Status uint8

// The statuses, with their numbers in the protocol.
const (
	Received  Status = iota + 1 // received
	Same                        // same
	Refused                     // refused
	Failed                      // failed
	Unwelcome                   // unwelcome
)

// OK reports whether the receiver has the file now: received, or there before with the same content.
func (s Status) OK() bool { return s == Received || s == Same }
