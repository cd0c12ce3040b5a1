package unixpipe

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Peer is who made the other end (SO_PEERCRED), and PID 0 where it is in another pid namespace.
type Peer struct {
	PID      int
	UID, GID uint32
}

// PeerOf returns the credentials of the process that connected, or, for a client, of the one that called listen(2).
func PeerOf(fd int) (Peer, error) {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return Peer{}, err
	}
	return Peer{int(c.Pid), c.Uid, c.Gid}, nil
}

const soPeerGroups, soPeerPIDFD = 59, 77 // include/uapi/asm-generic/socket.h, which amd64, arm64 and 386 use

// PeerGroups returns the peer's supplementary groups (SO_PEERGROUPS).
func PeerGroups(fd int) ([]uint32, error) {
	for room := 32; ; room *= 2 {
		groups := make([]uint32, room)
		size := uint32(room * 4)
		e := getsockopt(fd, soPeerGroups, unsafe.Pointer(&groups[0]), &size)
		if e == unix.ERANGE && room < 1<<17 {
			continue
		}
		if e != 0 {
			return nil, e
		}
		return groups[:size/4], nil
	}
}

// PeerPIDFD returns a pidfd of the peer (SO_PEERPIDFD, Linux 6.5).
func PeerPIDFD(fd int) (*os.File, error) {
	var p int32
	size := uint32(4)
	if e := getsockopt(fd, soPeerPIDFD, unsafe.Pointer(&p), &size); e != 0 {
		return nil, e
	}
	return os.NewFile(uintptr(p), "pidfd"), nil
}

func getsockopt(fd, name int, value unsafe.Pointer, size *uint32) unix.Errno {
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, uintptr(name),
		uintptr(value), uintptr(unsafe.Pointer(size)), 0)
	return e
}

// Who is an identity that a thread may take: effective user, effective group and supplementary groups.
type Who struct {
	UID, GID uint32
	Groups   []uint32
}

// Self returns the calling thread's.
func Self() (Who, error) {
	groups, err := unix.Getgroups()
	w := Who{UID: uint32(unix.Geteuid()), GID: uint32(unix.Getegid())}
	for _, g := range groups {
		w.Groups = append(w.Groups, uint32(g))
	}
	return w, err
}

// keep leaves an id as it is (setresuid(2)).
const keep = ^uintptr(0)

// Become makes the calling thread act as w, and no other thread: the runtime's own Setuid changes them all. The real and the
// saved ids stay, so that it can go back. The thread must be locked. changed says that [Return] is due, also with an error.
func Become(w Who) (changed bool, err error) {
	if err := setGroups(w.Groups); err != nil {
		return false, err
	}
	if err := set(sysSetresgid, w.GID); err != nil {
		return true, err
	}
	return true, set(sysSetresuid, w.UID)
}

// Return undoes [Become], the user first, because only the privileged one may change the others.
func Return(w Who) error {
	if err := set(sysSetresuid, w.UID); err != nil {
		return err
	}
	if err := set(sysSetresgid, w.GID); err != nil {
		return err
	}
	return setGroups(w.Groups)
}

func set(number uintptr, id uint32) error {
	if _, _, e := unix.RawSyscall(number, keep, uintptr(id), keep); e != 0 {
		return e
	}
	return nil
}

func setGroups(groups []uint32) error {
	if _, _, e := unix.RawSyscall(sysSetgroups, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0); e != 0 {
		return e
	}
	return nil
}
