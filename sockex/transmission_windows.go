package sockex

import (
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/completion"
)

// start finds out what kind of socket it is.
func (x *Transmission) start(fd uintptr) error { return x.t.begin(windows.Handle(fd), x.packets, x.To) }

// round begins to send what comes next.
func (x *Transmission) round(fd uintptr, overlapped unsafe.Pointer) (int, error) {
	return 0, x.t.round(windows.Handle(fd), (*windows.Overlapped)(overlapped))
}

// more takes the result of a round, and reports whether there is another.
func (x *Transmission) more(op *completion.Op) (more bool) {
	more, op.Err = x.t.ended(op.N, op.Err)
	return more
}

// end leaves the file as it was.
func (x *Transmission) end(*completion.Op) { x.t.restore() }

func (x *Transmission) explain(op *completion.Op) error { return op.Err }

type sysTransmission struct{}
