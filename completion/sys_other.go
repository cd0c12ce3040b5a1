//go:build !linux && !windows

package completion

import (
	"errors"
	"net/netip"
)

type (
	sysFD     int
	sysOp     struct{}
	sysHandle struct{}
)

const (
	badFD       = sysFD(-1)
	familyINET  = 2
	familyINET6 = 30
)

func (l *loop) choose() error       { return errors.ErrUnsupported }
func (l *loop) adopt(*Handle) error { return errors.ErrUnsupported }
func (h *Handle) examine() error    { return errors.ErrUnsupported }
func closeFD(*Handle) error         { return errors.ErrUnsupported }
func isCanceled(error) bool         { return false }

func duplicate(uintptr) (sysFD, error)                 { return badFD, errors.ErrUnsupported }
func newSocket(bool, bool) (sysFD, error)              { return badFD, errors.ErrUnsupported }
func bind(sysFD, netip.AddrPort) error                 { return errors.ErrUnsupported }
func startListening(sysFD, netip.AddrPort, bool) error { return errors.ErrUnsupported }

func sockName(sysFD, bool) (netip.AddrPort, error) {
	return netip.AddrPort{}, errors.ErrUnsupported
}
