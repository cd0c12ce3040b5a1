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
func (s *sysHandle) init(bool)      {}
func (s *sysHandle) forget(int)     {}
func shutdownWrite(sysFD)           {}
func isSix(sysFD) bool              { return false }
func readsInParts(sysFD) bool       { return false }
func noDelay(sysFD)                 {}
func unread(sysFD) bool             { return false }
func passing(error) bool            { return false }

func newCarrier(*worker) (carrier, error)                 { return nil, errors.ErrUnsupported }
func (l *loop) accepted(*Op, int) (more bool, err error)  { return false, errors.ErrUnsupported }
func (l *loop) connected(*Op, int) (more bool, err error) { return false, errors.ErrUnsupported }

func duplicate(uintptr) (sysFD, error)                 { return badFD, errors.ErrUnsupported }
func newSocket(bool, bool) (sysFD, error)              { return badFD, errors.ErrUnsupported }
func bind(sysFD, netip.AddrPort) error                 { return errors.ErrUnsupported }
func startListening(sysFD, netip.AddrPort, bool) error { return errors.ErrUnsupported }

func sockName(sysFD, bool) (netip.AddrPort, error) {
	return netip.AddrPort{}, errors.ErrUnsupported
}
