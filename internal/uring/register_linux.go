package uring

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

func (r *Ring) register(op uintptr, arg unsafe.Pointer, n uintptr) error {
	_, _, errno := unix.Syscall6(sysRegister, uintptr(r.fd), op, uintptr(arg), n, 0, 0)
	if errno != 0 {
		return fmt.Errorf("io_uring_register %d: %w", op, errno)
	}
	return nil
}

// Enable ends the state that SetupRDisabled began: the calling thread is the one that submits from now on.
func (r *Ring) Enable() error {
	if r.Flags&SetupRDisabled == 0 {
		return nil
	}
	return r.register(registerEnable, nil, 0)
}

// RegisterSelf lets Enter name the ring without a look into the table of descriptors. It holds for the calling thread,
// which must not end before the ring does. That it cannot be had is no loss worth an error.
func (r *Ring) RegisterSelf() {
	u := struct {
		off, _ uint32
		data   uint64
	}{off: 0xffffffff, data: uint64(r.fd)}
	n, _, errno := unix.Syscall6(sysRegister, uintptr(r.fd), registerRingFDs, uintptr(unsafe.Pointer(&u)), 1, 0, 0)
	if errno == 0 && n == 1 {
		r.enterFD, r.enterFl = uintptr(u.off), enterRegisteredRing
	}
}

// forgetSelf undoes that: until then the registration keeps the ring, and all that is under way in it, for the thread's life.
func (r *Ring) forgetSelf() {
	if r.enterFl == 0 {
		return
	}
	u := struct {
		off, _ uint32
		data   uint64
	}{off: uint32(r.enterFD)}
	_, _, _ = unix.Syscall6(sysRegister, uintptr(r.fd), unregisterRingFDs, uintptr(unsafe.Pointer(&u)), 1, 0, 0)
	r.enterFD, r.enterFl = uintptr(r.fd), 0
}

// Allowed asks whether Enter may be called: a filter may let a ring be made only. The ring is disabled still.
func (r *Ring) Allowed() error {
	_, _, errno := unix.Syscall6(sysEnter, uintptr(r.fd), 0, 0, 0, 0, 0)
	if errno == unix.EBADFD || errno == 0 {
		return nil
	}
	return fmt.Errorf("io_uring_enter: %w", errno)
}

// Supports asks the kernel which operations it knows, and returns the first of ops that it does not, or -1.
func (r *Ring) Supports(ops ...uint8) (missing int, err error) {
	var p struct {
		_, n uint8
		_    [14]byte
		ops  [256]struct {
			op, _ uint8
			flags uint16
			_     uint32
		}
	}
	if err := r.register(registerProbe, unsafe.Pointer(&p), 256); err != nil {
		return 0, err
	}
	for _, op := range ops {
		if op >= p.n || p.ops[op].flags&opSupported == 0 {
			return int(op), nil
		}
	}
	return -1, nil
}
