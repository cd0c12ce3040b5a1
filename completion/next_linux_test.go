package completion

import (
	"testing"
	"unsafe"
)

// TestNextAtClose closes a port under an operation of many rounds. Next is called with the end, even where the port was
// closed between two rounds: what an operation has done to its handle can be undone there.
func TestNextAtClose(t *testing.T) {
	for _, b := range systemBackends() {
		for range 50 {
			withRig(t, &Config{Backend: b}, func(r *rig) {
				conn, _ := r.pair()
				var last error
				began := make(chan bool, 1)
				op := &Op{Kind: Call, Handle: conn, How: Out, Call: func(uintptr, unsafe.Pointer) (int, error) { return 1, nil }}
				op.Next = func(op *Op) bool {
					if last = op.Err; last == nil {
						select {
						case began <- true:
						default:
						}
					}
					return last == nil
				}
				r.submit(op)
				<-began
				r.must(r.port.Close())
				if last != ErrCanceled {
					t.Errorf("Next was last called with %v", last)
				}
			})
		}
	}
}
