package main

import (
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

var pid = os.Getpid()

// duplicated holds each socket by three descriptors.
func duplicated(m *maker, n int) {
	for range n {
		fd, _ := listener(loop4, 0, 16)
		m.own(fd, "LISTEN")
		for range 2 {
			d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
			check(err, "dup")
			m.own(d, "LISTEN")
		}
	}
}

// forked shares listeners with a child that inherits them.
func forked(m *maker, n int) {
	for range n {
		fd, _ := listener(loop4, 0, 16)
		m.own(fd, "LISTEN")
		f := os.NewFile(uintptr(fd), "listener")
		keep = append(keep, f)
		m.spawn([]*os.File{f}, "-hold")
	}
}

// holdInherited holds descriptor 3, a listener.
func holdInherited(m *maker, _ int) {
	unix.CloseOnExec(3)
	m.own(3, "LISTEN")
}

// passed sends listeners to a child over a Unix socket, and closes its own descriptors.
func passed(m *maker, n int) {
	for range n {
		ours, theirs := unixSocketpair(unix.SOCK_DGRAM)
		fd, _ := listener(loop6, 0, 16)
		send(ours, fd)
		closeFD(fd)
		f := os.NewFile(uintptr(theirs), "pair")
		m.spawn([]*os.File{f}, "-receive")
		f.Close()
		closeFD(ours)
	}
}

func send(over, fd int) {
	check(unix.Sendmsg(over, []byte{0}, unix.UnixRights(fd), nil, 0), "sendmsg")
}

// receive takes a listener from descriptor 3.
func receive(m *maker, _ int) {
	oob := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(3, make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC)
	check(err, "recvmsg")
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	check(err, "control message")
	fds, err := unix.ParseUnixRights(&msgs[0])
	check(err, "rights")
	m.own(fds[0], "LISTEN")
	closeFD(3)
}

// inFlight sends listeners into a Unix socket that nobody reads: they are alive, and in nobody's table.
func inFlight(m *maker, n int) {
	a, b := unixSocketpair(unix.SOCK_DGRAM)
	m.own(a, "ESTABLISHED")
	m.own(b, "ESTABLISHED")
	for range n {
		fd, _ := listener(loop4, 0, 16)
		r := describe(fd)
		send(a, fd)
		closeFD(fd)
		m.nobody(r, "LISTEN", "no_descriptor")
	}
}

// threadOnly holds listeners in the table of one thread only: the thread takes a copy of the table, and the process
// closes its own descriptors. /proc/PID/fd shows the process's table, /proc/PID/task/TID/fd the thread's.
func threadOnly(m *maker, n int) {
	fds := make([]int, n)
	for i := range fds {
		fds[i], _ = listener(loop4, 0, 16)
	}
	copied := make(chan bool)
	go func() {
		runtime.LockOSThread()
		check(unix.Unshare(unix.CLONE_FILES), "unshare")
		m.ownByThread(fds)
		copied <- true
		sleepForever()
	}()
	<-copied
	for _, fd := range fds {
		closeFD(fd)
	}
}

func (m *maker) ownByThread(fds []int) {
	for _, fd := range fds {
		r := describe(fd)
		r.Kind, r.PID, r.TID, r.State = m.kind, pid, unix.Gettid(), "LISTEN"
		m.emit(r)
	}
}

// sleepForever keeps the thread itself in the kernel; the process ends by os.Exit elsewhere.
func sleepForever() {
	for {
		unix.Nanosleep(&unix.Timespec{Sec: 3600}, nil)
	}
}

// leaderGone ends the leader thread of a process that lives on: its /proc/PID/fd is empty from then on.
func leaderGone(m *maker, n int) {
	m.listeners(n, loop4, 0)
	go func() {
		runtime.LockOSThread()
		for !leaderIsZombie() {
			unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
		}
		m.hold()
	}()
	// Only the thread ends: exit(2), not exit_group(2). As a system call the runtime knows of, so it takes the processor
	// back.
	unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
}

func leaderIsZombie() bool {
	b, err := os.ReadFile("/proc/self/stat")
	check(err, "read")
	for i := len(b) - 1; i > 0; i-- {
		if b[i] == ')' {
			return len(b) > i+2 && b[i+2] == 'Z'
		}
	}
	return false
}

// uringParams is struct io_uring_params of linux/io_uring.h, of which only the size matters here.
type uringParams [120]byte

// uringOnly registers listeners as fixed files of an io_uring and closes their descriptors: they work, and are in
// nobody's table. Where io_uring is refused nothing is made.
func uringOnly(m *maker, n int) {
	var p uringParams
	ring, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 4, uintptr(unsafe.Pointer(&p)), 0)
	if errno == unix.EPERM || errno == unix.ENOSYS {
		return
	}
	checkErrno(errno, "io_uring_setup")
	fds := make([]int32, n)
	for i := range fds {
		fd, _ := listener(loop4, 0, 16)
		fds[i] = int32(fd)
	}
	const registerFiles = 2 // IORING_REGISTER_FILES
	_, _, errno = unix.Syscall6(unix.SYS_IO_URING_REGISTER, ring, registerFiles, uintptr(unsafe.Pointer(&fds[0])), uintptr(n), 0, 0)
	checkErrno(errno, "io_uring_register")
	for _, fd := range fds {
		r := describe(int(fd))
		closeFD(int(fd))
		m.nobody(r, "LISTEN", "no_descriptor")
	}
}

func checkErrno(errno unix.Errno, what string) {
	if errno != 0 {
		check(errno, what)
	}
}
