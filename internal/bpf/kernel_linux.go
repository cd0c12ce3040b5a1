package bpf

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const vmlinux = "/sys/kernel/btf/vmlinux"

// WithKernelTypes calls use with the kernel's own type information, in BTF, which is valid until use returns.
func WithKernelTypes(use func(vmlinux []byte) error) error {
	f, err := os.Open(vmlinux)
	if err != nil {
		return fmt.Errorf("bpf: the kernel offers no type information: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil { // before Linux 6.16 it cannot be mapped
		if b, err = os.ReadFile(vmlinux); err != nil {
			return err
		}
		return use(b)
	}
	defer unix.Munmap(b)
	return use(b)
}

// initPIDNS is the inode of the first PID namespace (PROC_PID_INIT_INO of include/linux/proc_ns.h).
const initPIDNS = 0xeffffffc

// ErrNotNative is returned where this process does not see the process ids that the kernel uses.
var ErrNotNative = fmt.Errorf("process ids here are not the kernel's own (inside a PID namespace): %w", errors.ErrUnsupported)

// NativePIDs is nil where the process ids that programs see in the kernel are those that this process sees.
func NativePIDs() error {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return fmt.Errorf("bpf: the PID namespace cannot be told: %w", err)
	}
	if st.Ino != initPIDNS {
		return fmt.Errorf("bpf: %w", ErrNotNative)
	}
	return nil
}
