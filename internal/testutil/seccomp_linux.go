package testutil

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Refuse makes a system call fail with EPERM for the rest of this process's life: every one with that number, or, where
// first is not negative, those with that first argument. It is for children that [Isolated] made.
func Refuse(t testing.TB, number, first int) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal("no_new_privs: ", err)
	}
	filter := refusal(uint32(number), first)
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	// TSYNC: the filter holds for the threads the runtime has started already, too.
	r, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 || r != 0 {
		t.Fatalf("seccomp: %v (thread %d)", errno, r)
	}
}

// refusal is the filter over struct seccomp_data (linux/seccomp.h): nr at 0, the low half of args[0] at 16 on the
// little-endian machines we run on.
func refusal(number uint32, first int) []unix.SockFilter {
	const load, equal, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	allow := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}
	deny := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
	if first < 0 {
		return []unix.SockFilter{{Code: load, K: 0}, {Code: equal, K: number, Jf: 1}, deny, allow}
	}
	return []unix.SockFilter{
		{Code: load, K: 0}, {Code: equal, K: number, Jf: 3},
		{Code: load, K: 16}, {Code: equal, K: uint32(first), Jf: 1},
		deny, allow,
	}
}
