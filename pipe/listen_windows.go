package pipe

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
)

// listener keeps instances that wait for a client, at least one while the system allows one more: before an instance is
// handed out the next one is made, so that no client finds the name gone.
type listener struct {
	path string // \\.\pipe\name
	sa   *windows.SecurityAttributes

	mu       sync.Mutex
	waiting  map[*instance]bool // made, and not connected
	ready    []*instance        // connected, and not accepted
	open     int                // accepted, and not closed
	missing  int                // could not be made, because there are as many as are allowed
	retry    *time.Timer        // of those that are missing
	pause    time.Duration      // before the next retry
	closed   bool
	came     chan struct{} // there is something in ready; capacity 1
	closing  chan struct{}
	deadline iocp.Deadline
	turn     sync.Mutex // of those that accept
}

// instance is one that waits for its client.
type instance struct {
	file *iocp.File
	op   *iocp.Op
	done chan struct{} // closed when it has connected, or will not
}

func listen(name string, cfg Config) (*Listener, error) {
	p, err := parseName(name)
	if err != nil {
		return nil, err
	}
	if p.path != "" || p.host != "" { // a server is on its own machine
		return nil, fmt.Errorf("%w: %q", unlessPath(p), name)
	}
	sa, err := securityOf(cfg.Access)
	if err != nil {
		return nil, err
	}
	l := &Listener{name: name, cfg: cfg}
	l.path, l.sa = `\\.\pipe\`+p.name, sa
	l.waiting, l.came, l.closing = map[*instance]bool{}, make(chan struct{}, 1), make(chan struct{})
	if err := l.begin(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func unlessPath(p pipeName) error {
	if p.path != "" {
		return ErrUnsupported
	}
	return ErrBadName
}

// begin makes the first instances. Only the first of all may ask to be the first.
func (l *Listener) begin() error {
	flags := uint32(0)
	if l.cfg.FirstInstance {
		flags = windows.FILE_FLAG_FIRST_PIPE_INSTANCE
	}
	for range or(l.cfg.Backlog, backlog) {
		err := l.add(flags)
		if err == windows.ERROR_ACCESS_DENIED && flags != 0 {
			return &sysError{ErrInUse, windows.ERROR_ACCESS_DENIED}
		}
		if err == windows.ERROR_PIPE_BUSY && flags == 0 && len(l.waiting) > 0 {
			l.missing++
			continue
		}
		if err != nil {
			return told(err)
		}
		flags = 0
	}
	return nil
}

// add makes an instance and has it wait for a client.
func (l *Listener) add(flags uint32) error {
	h, err := l.create(flags)
	if err != nil {
		return err
	}
	f, err := iocp.Open(h)
	if err != nil {
		windows.CloseHandle(h)
		return err
	}
	i := &instance{f, iocp.NewOp(), make(chan struct{})}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		f.Close()
		return iocp.ErrClosed
	}
	l.waiting[i] = true
	l.mu.Unlock()
	f.Start(i.op, func(h windows.Handle, ov *windows.Overlapped, _ *uint32) error {
		return windows.ConnectNamedPipe(h, ov)
	}, func(err error) { l.connected(i, err) })
	return nil
}

// backlog is how many instances wait where nobody has asked for another number: while the server takes one, others come.
const backlog = 8

// buffer is the size of buffers that nobody has asked for another.
const buffer = 64 << 10

func (l *Listener) create(flags uint32) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(l.path)
	if err != nil {
		return 0, err
	}
	return windows.CreateNamedPipe(name, flags|windows.FILE_FLAG_OVERLAPPED|access(l.cfg.Direction), l.mode(), l.instances(),
		uint32(or(l.cfg.OutBuffer, buffer)), uint32(or(l.cfg.InBuffer, buffer)), uint32(l.cfg.DefaultWait.Milliseconds()), l.sa)
}

func access(d Direction) uint32 {
	return [...]uint32{windows.PIPE_ACCESS_DUPLEX, windows.PIPE_ACCESS_INBOUND, windows.PIPE_ACCESS_OUTBOUND}[d]
}

func or(n, instead int) int {
	if n == 0 {
		return instead
	}
	return n
}

func (l *Listener) mode() (m uint32) {
	if l.cfg.Type == Message {
		m = windows.PIPE_TYPE_MESSAGE | windows.PIPE_READMODE_MESSAGE
	}
	if !l.cfg.RemoteClients {
		m |= windows.PIPE_REJECT_REMOTE_CLIENTS
	}
	return m
}

func (l *Listener) instances() uint32 {
	if n := l.cfg.MaxInstances; n > 0 && n < windows.PIPE_UNLIMITED_INSTANCES {
		return uint32(n)
	}
	return windows.PIPE_UNLIMITED_INSTANCES
}

// connected is told, by the port's goroutine or by add, how the waiting of an instance has ended. A client that has gone
// again meanwhile (ERROR_NO_DATA) is one nevertheless: what it wrote can be read.
func (l *Listener) connected(i *instance, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(i.done)
	if err != nil && err != windows.ERROR_PIPE_CONNECTED && err != windows.ERROR_NO_DATA {
		return // it stays in waiting, for close
	}
	delete(l.waiting, i)
	l.ready = append(l.ready, i)
	l.wake()
}

func (l *Listener) wake() {
	select {
	case l.came <- struct{}{}:
	default:
	}
}

func (l *Listener) accept() (*Conn, error) {
	l.turn.Lock()
	defer l.turn.Unlock()
	for {
		if i := l.take(); i != nil {
			l.replace()
			c := newConn(i.file, l.name, l.cfg.Type, l.cfg.ReadMode, l.cfg.Direction, true)
			c.from, c.maxMessage, c.emptyIsEOF = l, l.cfg.MaxMessageSize, l.cfg.EmptyIsEOF
			return c, nil
		}
		select {
		case <-l.came:
		case <-l.closing:
			return nil, ErrClosed
		case <-l.deadline.Wait():
			if l.isClosed() {
				return nil, ErrClosed
			}
			return nil, ErrTimeout
		}
	}
}

func (l *Listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

func (l *Listener) take() *instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.ready) == 0 {
		return nil
	}
	i := l.ready[0]
	l.ready = l.ready[1:]
	l.open++
	return i
}

// replace makes an instance in the place of one that is handed out, if the system allows one more.
func (l *Listener) replace() {
	err := l.add(0)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.pause = 0
		return
	}
	l.missing++
	l.tryLater()
}

// How soon an instance that could not be made is tried again.
const retrySoon, retryLate = 5 * time.Millisecond, time.Second

// tryLater is called with the lock. There is nothing to try when all instances are this listener's, because released will
// tell of the next one. Else they are another process's, or they were closed here and the client has not: to Windows
// that is an instance until it does.
func (l *Listener) tryLater() {
	if l.closed || l.retry != nil || l.open+len(l.waiting)+len(l.ready) >= int(l.instances()) {
		return
	}
	l.pause = min(max(2*l.pause, retrySoon), retryLate)
	l.retry = time.AfterFunc(l.pause, func() {
		l.mu.Lock()
		l.retry = nil
		l.mu.Unlock()
		l.another()
	})
}

// released is told that an instance was closed: there may be one more.
func (l *Listener) released() {
	l.mu.Lock()
	l.open--
	l.pause = 0
	l.mu.Unlock()
	l.another()
}

// another makes an instance that is missing.
func (l *Listener) another() {
	l.mu.Lock()
	more := l.missing > 0 && !l.closed
	if more {
		l.missing--
	}
	l.mu.Unlock()
	if more {
		l.replace()
	}
}

func (l *Listener) setDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.deadline.Set(t)
	return nil
}

// close ends all waiting. It does not wait for clients, only for the system to let go of the calls that it has ended.
func (l *Listener) close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return ErrClosed
	}
	l.closed = true
	close(l.closing)
	if l.retry != nil {
		l.retry.Stop()
	}
	all := l.ready
	for i := range l.waiting {
		all = append(all, i)
	}
	l.ready, l.waiting = nil, nil
	l.mu.Unlock()
	for _, i := range all {
		i.file.Close()
	}
	return nil
}

// clientAccess is what a client needs. It is GENERIC_READ and GENERIC_WRITE without FILE_APPEND_DATA, which for a pipe is
// the right to make instances of it: who has that can be taken for the server.
const (
	clientRead   = windows.FILE_GENERIC_READ
	clientWrite  = windows.FILE_GENERIC_WRITE &^ windows.FILE_APPEND_DATA
	clientAccess = clientRead | clientWrite
)

// securityOf is the security descriptor of Access: the server's own user, the system and administrators may do everything,
// the others connect.
func securityOf(a Access) (*windows.SecurityAttributes, error) {
	text := a.SDDL
	if text == "" {
		self, err := windows.GetCurrentProcessToken().GetTokenUser()
		if err != nil {
			return nil, err
		}
		var b strings.Builder
		fmt.Fprintf(&b, "D:P(A;;GA;;;%s)(A;;GA;;;SY)(A;;GA;;;BA)", self.User.Sid)
		for _, s := range append(append([]string(nil), a.Users...), a.Groups...) {
			sid, err := accountSID(s)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "(A;;%#x;;;%s)", clientAccess, sid)
		}
		if a.Everyone {
			fmt.Fprintf(&b, "(A;;%#x;;;WD)", clientAccess)
		}
		text = b.String()
	}
	sd, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		return nil, fmt.Errorf("security descriptor %q: %w", text, err)
	}
	sa := &windows.SecurityAttributes{SecurityDescriptor: sd}
	sa.Length = securityAttributesSize
	return sa, nil
}

// accountSID is the SID of a user or group that is named by it or by name.
func accountSID(s string) (*windows.SID, error) {
	if sid, err := windows.StringToSid(s); err == nil {
		return sid, nil
	}
	sid, _, _, err := windows.LookupSID("", s)
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", s, err)
	}
	return sid, nil
}
