//go:build !linux && !windows

package pipe

import (
	"context"
	"os"
	"syscall"
	"time"
)

var capabilities []Capability

func list() ([]Listed, error)        { return nil, ErrUnsupported }
func listedAt(string) (Listed, bool) { return Listed{}, false }

type listener struct{}

func listen(string, Config) (*Listener, error)                { return nil, ErrUnsupported }
func dial(context.Context, string, DialConfig) (*Conn, error) { return nil, ErrUnsupported }
func wait(context.Context, string, time.Duration) error       { return ErrUnsupported }
func (listener) accept() (*Conn, error)                       { return nil, ErrUnsupported }
func (listener) close() error                                 { return ErrUnsupported }
func (listener) setDeadline(time.Time) error                  { return ErrUnsupported }

type end struct{}

func (end) read([]byte) (int, error)                       { return 0, ErrUnsupported }
func (end) write([]byte) (int, error)                      { return 0, ErrUnsupported }
func (end) readMessage(_ *Conn, b []byte) ([]byte, error)  { return b, ErrUnsupported }
func (end) transact([]byte, []byte) (int, error)           { return 0, ErrUnsupported }
func (end) peek([]byte) (Peeked, error)                    { return Peeked{}, ErrUnsupported }
func (end) flush(context.Context) error                    { return ErrUnsupported }
func (end) disconnect() error                              { return ErrUnsupported }
func (end) close() error                                   { return ErrUnsupported }
func (end) closeWrite() error                              { return ErrUnsupported }
func (end) setDeadline(time.Time, bool, bool) error        { return ErrUnsupported }
func (end) setReadMode(Mode) error                         { return ErrUnsupported }
func (end) peer(*Conn) (Identity, error)                   { return Identity{}, ErrUnsupported }
func (end) peerProcess() (*os.File, error)                 { return nil, ErrUnsupported }
func (end) impersonate(*Conn, *thread, func() error) error { return ErrUnsupported }
func (end) info(*Info) error                               { return ErrUnsupported }
func (end) rawConn() (syscall.RawConn, error)              { return nil, ErrUnsupported }
