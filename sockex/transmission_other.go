//go:build !linux && !windows

package sockex

import (
	"context"
	"errors"
	"net"
	"os"
	"unsafe"

	"github.com/sockeye-net/sockeye/completion"
)

type sysTransfer struct{}

type sysTransmission struct{}

func (t *transfer) dropBuffers() {}

func (t *transfer) onConn(ctx context.Context, c *net.TCPConn) error { return t.portable(ctx, c) }

func (x *Transmission) start(uintptr) error { return errors.ErrUnsupported }

func (x *Transmission) round(uintptr, unsafe.Pointer) (int, error) { return 0, errors.ErrUnsupported }

func (x *Transmission) more(*completion.Op) bool { return false }

func (x *Transmission) explain(op *completion.Op) error { return op.Err }

func (x *Transmission) end(*completion.Op) {}

func closedFile(err error) bool { return errors.Is(err, os.ErrClosed) }
