//go:build !linux && !windows

package sockex

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"github.com/sockeye-net/sockeye/completion"
)

type (
	sysSocket     struct{}
	sysConnection struct{}
	sysFarewell   struct{ reuse bool }
)

func (s *Socket) open(string, netip.AddrPort) error { return errors.ErrUnsupported }

func (s *Socket) dial(context.Context, netip.AddrPort, []byte, *ConnectOptions) (int, error) {
	return 0, errors.ErrUnsupported
}

func (s *Socket) conn() (*net.TCPConn, error)                 { return nil, errors.ErrUnsupported }
func (s *sysSocket) close() error                             { return errors.ErrUnsupported }
func (s *sysSocket) rawConn() (syscall.RawConn, error)        { return nil, errors.ErrUnsupported }
func takeOver(*net.TCPConn) (*Socket, error)                  { return nil, errors.ErrUnsupported }
func localAddr(uintptr) (netip.AddrPort, error)               { return netip.AddrPort{}, errors.ErrUnsupported }
func connectTime(uintptr) (time.Duration, error)              { return 0, errors.ErrUnsupported }
func allowFastOpen(uintptr, int) error                        { return errors.ErrUnsupported }
func features() []Feature                                     { return nil }
func endConn(context.Context, *net.TCPConn, bool) error       { return errors.ErrUnsupported }
func (c *Connection) setFast()                                {}
func (c *Connection) settle(*completion.Op)                   {}
func (f *farewell) step(*completion.Op) bool                  { return false }
func (f *farewell) call(uintptr, unsafe.Pointer) (int, error) { return 0, errors.ErrUnsupported }

func acceptInto(context.Context, *net.TCPListener, *Socket, []byte, time.Duration) (*Accepted, error) {
	return nil, errors.ErrUnsupported
}
