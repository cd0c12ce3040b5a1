package completion

import (
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TestCall starts an overlapped operation of the caller's own: TransmitFile.
func TestCall(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		text := pattern(100000)
		name := filepath.Join(r.TempDir(), "file")
		r.must(os.WriteFile(name, text, 0o600))
		f, err := os.Open(name)
		r.must(err)
		defer f.Close()
		op := &Op{Kind: Call, Handle: conn, Offset: 1000, Call: func(fd uintptr, o unsafe.Pointer) (int, error) {
			return 0, windows.TransmitFile(windows.Handle(fd), windows.Handle(f.Fd()), 0, 0, (*windows.Overlapped)(o), nil, 0)
		}}
		r.submit(op)
		got := r.reading(peer, len(text)-1000)
		r.reap(1)
		r.wants(op, len(text)-1000, nil)
		r.same(<-got, text[1000:])
	})
}
