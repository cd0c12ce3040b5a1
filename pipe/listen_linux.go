package pipe

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// listener is a listening socket at a place, whose lock it holds.
type listener struct {
	f     *os.File
	raw   syscall.RawConn
	at    place
	lock  *unixpipe.Lock
	admit admission
	seats seats

	turn   sync.Mutex // of those that accept
	closed sync.Once
}

func listen(name string, cfg Config) (*Listener, error) {
	p, err := parseName(name)
	if err != nil {
		return nil, err
	}
	adm, err := admissionOf(cfg.Access)
	if err != nil {
		return nil, err
	}
	at, err := home(p, adm.others())
	if err != nil {
		return nil, err
	}
	lock, err := unixpipe.TryLock(at.lock)
	if err == unix.EWOULDBLOCK {
		return nil, sysErr(ErrInUse, unix.EADDRINUSE)
	}
	if err != nil {
		return nil, making(errnoOf(err))
	}
	l, err := listenLocked(name, at, cfg, adm)
	if err != nil {
		lock.Release()
		return nil, err
	}
	l.lock = lock
	about := lockFile{name: name, pid: os.Getpid(), typ: cfg.Type, wait: cfg.DefaultWait, maxInstances: cfg.MaxInstances}
	if err := writeInfo(at.info, about.text()); err != nil {
		l.close()
		return nil, opening(errnoOf(err))
	}
	return l, nil
}

func listenLocked(name string, at place, cfg Config, adm admission) (*Listener, error) {
	if err := clear(at.socket); err != nil {
		return nil, err
	}
	fd, err := unixpipe.Bind(kindOf(cfg.Type), at.socket)
	if err != nil {
		return nil, opening(err)
	}
	err = adm.open(at.socket, cfg.Direction)
	if err == nil && cfg.Type == Message {
		err = unixpipe.TellCredentials(fd)
	}
	l := &Listener{name: name, cfg: cfg}
	l.listener = listener{at: at, admit: adm}
	if err == nil {
		err = l.seats.init(fd, cfg, at.socket)
	}
	if err != nil {
		unix.Close(fd)
		os.Remove(at.socket)
		return nil, opening(errnoOf(err))
	}
	l.f = os.NewFile(uintptr(fd), name)
	if l.raw, err = l.f.SyscallConn(); err != nil {
		l.f.Close()
		return nil, err
	}
	return l, nil
}

// making is opening for who makes a pipe: to it a missing directory is not a missing server.
func making(err error) error {
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return err
	}
	return opening(err)
}

// clear removes what a dead server has left. It is called with the lock, so the server of before is dead if it was one of
// ours; that of another program is asked whether it lives.
func clear(path string) error {
	var s unix.Stat_t
	err := unix.Lstat(path, &s)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return opening(err)
	}
	if s.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return fmt.Errorf("%w: %s is no socket", ErrInUse, path)
	}
	if alive, err := unixpipe.Alive(path); err != nil || alive {
		return sysErr(ErrInUse, unix.EADDRINUSE)
	}
	return opening(unix.Unlink(path))
}

func (l *Listener) setDeadline(t time.Time) error {
	err := waiting(l.f.SetDeadline(t))
	if err == nil {
		l.seats.setDeadline(t)
	}
	return err
}

func (l *Listener) close() error {
	err := error(ErrClosed)
	l.closed.Do(func() {
		os.Remove(l.at.socket) // while the lock is held: it is ours
		os.Remove(l.at.info)
		l.seats.close() // before the descriptor's number can be another's
		err = waiting(l.f.Close())
		if e := l.lock.Release(); err == nil && !errors.Is(e, os.ErrNotExist) {
			err = e
		}
	})
	return err
}

func (l *Listener) accept() (*Conn, error) {
	l.turn.Lock()
	defer l.turn.Unlock()
	for {
		fd, err := l.acceptFD()
		if err != nil {
			return nil, err
		}
		c, err := l.greet(fd)
		if err == nil && c != nil {
			return c, nil
		}
		l.released()
		if err != nil {
			return nil, err
		}
	}
}

// acceptFD accepts the next client, when there is a seat for it.
func (l *Listener) acceptFD() (fd int, err error) {
	if err := l.seats.wait(); err != nil {
		return -1, err
	}
	var errno syscall.Errno
	err = l.raw.Read(func(s uintptr) bool {
		fd, errno = l.seats.accept(int(s))
		return errno != unix.EAGAIN && errno != unix.ECONNABORTED && errno != unix.EINTR
	})
	if err != nil {
		return -1, waiting(err)
	}
	if errno != 0 {
		return -1, errno
	}
	return fd, nil
}

// greet makes the Conn of a client that may connect. One that may not is dropped: nil and no error.
func (l *Listener) greet(fd int) (*Conn, error) {
	if ok, err := l.admit.admits(fd); err != nil || !ok {
		unix.Close(fd)
		return nil, nil
	}
	if l.cfg.OutBuffer > 0 {
		unixpipe.SetSendBuffer(fd, l.cfg.OutBuffer)
	}
	if l.cfg.Direction == Inbound {
		unixpipe.Shutdown(fd, unix.SHUT_WR)
	}
	c, err := newConn(fd, l.name, l.cfg.Type, l.cfg.ReadMode, l.cfg.Direction, true)
	if err != nil {
		return nil, err
	}
	c.from, c.outbuf = l, l.cfg.OutBuffer
	c.maxMessage, c.emptyIsEOF = l.cfg.MaxMessageSize, l.cfg.EmptyIsEOF
	return c, nil
}

// released is told that an instance of this listener is free.
func (l *Listener) released() { l.seats.leave() }

// admission is Access in numbers.
type admission struct {
	everyone bool
	self     uint32
	users    []uint32
	groups   []uint32
}

func admissionOf(a Access) (admission, error) {
	adm := admission{everyone: a.Everyone, self: uint32(os.Geteuid())}
	if a.private() && a.SDDL != "" {
		return adm, fmt.Errorf("%w: a security descriptor in SDDL", ErrUnsupported)
	}
	for _, s := range a.Users {
		id, err := userID(s)
		if err != nil {
			return adm, err
		}
		adm.users = append(adm.users, id)
	}
	for _, s := range a.Groups {
		id, err := groupID(s)
		if err != nil {
			return adm, err
		}
		adm.groups = append(adm.groups, id)
	}
	return adm, nil
}

// others tells whether anybody else may connect.
func (a *admission) others() bool {
	for _, u := range a.users {
		if u != a.self {
			return true
		}
	}
	return a.everyone || len(a.groups) > 0
}

// open sets the mode and the group of the socket's file: as narrow as they can say it. The lists are compared in admits.
func (a *admission) open(path string, d Direction) error {
	mode := uint32(0o600)
	switch {
	case !a.others():
	case len(a.groups) == 1 && len(a.users) == 0 && !a.everyone && os.Lchown(path, -1, int(a.groups[0])) == nil:
		mode = 0o660
	default:
		mode = 0o666
	}
	return chmod(path, mode|directionMode(d))
}

// chmod does not follow a link: in a directory where others may write too, the socket can be one by now. Before Linux 6.6
// the kernel cannot do that.
func chmod(path string, mode uint32) error {
	err := unix.Fchmodat(unix.AT_FDCWD, path, mode, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.EOPNOTSUPP {
		err = unix.Chmod(path, mode)
	}
	return err
}

// admits compares the peer's credentials with the lists. Root and the server's own user may always connect.
func (a *admission) admits(fd int) (bool, error) {
	p, err := unixpipe.PeerOf(fd)
	if err != nil {
		return false, err
	}
	if a.everyone || p.UID == a.self || p.UID == 0 || contains(a.users, p.UID) {
		return true, nil
	}
	if len(a.groups) == 0 {
		return false, nil
	}
	groups, err := unixpipe.PeerGroups(fd)
	for _, g := range append(groups, p.GID) {
		if contains(a.groups, g) {
			return true, nil
		}
	}
	return false, err
}

func contains(list []uint32, v uint32) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

func idText(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

// somaxconn is the longest queue that the administrator allows.
func somaxconn() int {
	b, err := os.ReadFile("/proc/sys/net/core/somaxconn")
	if err == nil {
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && n > 0 {
			return n
		}
	}
	return unix.SOMAXCONN
}
