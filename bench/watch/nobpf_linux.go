package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// forbidBPF is the role that gives up the capabilities by which bpf(2) is allowed, and becomes the program that it is
// given: root still, which reads every /proc/PID/fd, on a machine whose administrator keeps BPF to himself.
func forbidBPF(args []string) error {
	runtime.LockOSThread() // capabilities are a thread's
	for _, c := range []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_BPF, unix.CAP_PERFMON} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	path, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, args, os.Environ())
}

// withoutBPF is the command line of a program that is not allowed BPF.
func withoutBPF(args ...string) []string {
	return append([]string{"/proc/self/exe", "nobpf"}, args...)
}
