package ifstat

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/netns"
	"github.com/sockeye-net/sockeye/internal/procfs"
)

// errTold is said of every reading by this way.
var errTold = errors.New("addresses, aliases and masters are not shown, and some kinds are not known: rtnetlink is refused here, and /proc/net/dev does not tell them")

// procDev reads counters from /proc/net/dev, and what else is known from ioctl(2) on a socket (netdevice(7)) and from sysfs.
// It is for sandboxes that have no rtnetlink. It gives no notices.
type procDev struct {
	ns    netns.Namespace
	file  int
	fd    int // a socket, for ioctl
	buf   []byte
	known []Interface
	next  []Interface
	gone  uint64
	err   error // of an ioctl, during a reading
	emit  func(*procfs.NetDev)
}

func openProcDev(ns netns.Namespace) (space, error) {
	if !ns.Own {
		return nil, fmt.Errorf("/proc/net/dev of another network namespace: %w", errors.ErrUnsupported)
	}
	file, err := openFirst("/proc/thread-self/net/dev", "/proc/net/dev")
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(file)
		return nil, os.NewSyscallError("socket", err)
	}
	p := &procDev{ns: ns, file: file, fd: fd, buf: make([]byte, 8<<10)}
	p.emit = p.add
	return p, nil
}

func openFirst(paths ...string) (fd int, err error) {
	for _, path := range paths {
		if fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err == nil {
			return fd, nil
		}
		err = &os.PathError{Op: "open", Path: path, Err: err}
	}
	return -1, err
}

func (p *procDev) inode() uint64          { return p.ns.Inode }
func (p *procDev) method() Method         { return ProcNetDev }
func (p *procDev) changed() (bool, error) { return true, nil }
func (p *procDev) close() error           { return errors.Join(unix.Close(p.file), unix.Close(p.fd)) }

func (p *procDev) read(s *Snapshot) error {
	text, err := p.text()
	if err != nil {
		return err
	}
	p.next, p.err = p.next[:0], nil
	if err := procfs.DecodeNetDev(text, p.emit); err != nil {
		return err
	}
	if p.err != nil {
		s.Partial = append(s.Partial, p.err)
	}
	slices.SortFunc(p.next, func(a, b Interface) int { return int(a.Index) - int(b.Index) })
	p.known, p.next = p.next, p.known
	p.pairs()
	s.Interfaces = append(s.Interfaces, p.known...)
	s.Partial = append(s.Partial, errTold)
	return nil
}

// text reads the file from its start to its end. The kernel gives at most a page of it at a time.
func (p *procDev) text() ([]byte, error) {
	for n := 0; ; {
		if len(p.buf)-n < 4<<10 {
			p.buf = slices.Grow(p.buf, len(p.buf))[:2*len(p.buf)]
		}
		got, err := unix.Pread(p.file, p.buf[n:], int64(n))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, os.NewSyscallError("read /proc/net/dev", err)
		case got == 0:
			return p.buf[:n], nil
		}
		n += max(got, 0)
	}
}

// add takes a line. One whose interface has gone meanwhile is left out.
func (p *procDev) add(d *procfs.NetDev) {
	var i Interface
	if at := slices.IndexFunc(p.known, func(k Interface) bool { return k.Name == string(d.Name) }); at >= 0 {
		i = p.known[at]
	} else {
		i = Interface{Name: string(d.Name), NetNS: p.ns.Inode, Width: 64}
	}
	switch err := p.describe(&i); {
	case errors.Is(err, unix.ENODEV):
		return
	case err != nil:
		p.err = fmt.Errorf("what is known about %s is not complete: %w", i.Name, err)
	}
	i.Counters = Counters{
		RxBytes: d.RxBytes, RxPackets: d.RxPackets, RxErrors: d.RxErrors, RxDropped: d.RxDropped,
		TxBytes: d.TxBytes, TxPackets: d.TxPackets, TxErrors: d.TxErrors, TxDropped: d.TxDropped,
	}
	p.next = append(p.next, i)
}

// describe asks what an interface is and does. What does not change while it lives is asked when it is new.
func (p *procDev) describe(i *Interface) error {
	index, err := p.ask(i.Name, unix.SIOCGIFINDEX)
	if err != nil {
		return err
	}
	if n := index.word(); i.Index != n {
		p.gone++
		i.Index, i.ID = n, uint64(n)|p.gone<<32
		p.identify(i)
	}
	flags, err := p.ask(i.Name, unix.SIOCGIFFLAGS)
	if err != nil {
		return err
	}
	f := uint32(flags.word() & 0xffff)
	i.Up, i.State = f&unix.IFF_UP != 0, Down
	if f&unix.IFF_RUNNING != 0 {
		i.State = Up
	}
	mtu, err := p.ask(i.Name, unix.SIOCGIFMTU)
	i.MTU = mtu.word()
	return err
}

// identify finds out the kind. Where sysfs does not show it, it is what its type says.
func (p *procDev) identify(i *Interface) {
	i.KindName, i.Link, i.LinkElsewhere, i.Speed = "", 0, false, 0 // of the one that had the name before
	hw, err := p.ask(i.Name, unix.SIOCGIFHWADDR)
	if err != nil {
		p.err = err
	}
	i.Type = uint32(hw.word() & 0xffff) // sa_family, with the address behind it
	i.HardwareAddr = nil
	if mac := hw[2:8]; i.Type == arpEther && len(bytes.Trim(mac, "\x00")) > 0 {
		i.HardwareAddr = bytes.Clone(mac)
	}
	if i.Type != arpLoopback {
		i.Speed = linkSpeed(p.fd, i.Name)
	}
	p.fromSysfs(i)
}

const sysNet = "/sys/class/net/"

// fromSysfs tells kinds by DEVTYPE, which bridges, bonds and VLANs have, and the others by what is there: an interface that
// has a link and nothing below it is the end of a pair.
func (p *procDev) fromSysfs(i *Interface) {
	dir := sysNet + i.Name
	text, err := os.ReadFile(dir + "/uevent")
	u := parseUevent(string(text))
	if err != nil || u.index != i.Index {
		i.Kind = kindOf("", i.Type, "")
		i.Physical = isPhysical(i, false, false)
		return
	}
	if link := number(dir + "/iflink"); link != i.Index {
		i.Link = link
	}
	lower, _ := filepath.Glob(dir + "/lower_*")
	switch _, ok := kinds[u.devtype]; {
	case ok:
		i.KindName = u.devtype
	case exists(dir + "/tun_flags"):
		i.KindName = "tun"
	case i.Link != 0 && len(lower) == 0:
		i.KindName = "veth"
	}
	i.Kind = kindOf(i.KindName, i.Type, u.devtype)
	if i.KindName == "" && len(lower) > 0 { // on another: a macvlan, for one
		i.Kind = Other
	}
	i.Physical = isPhysical(i, exists(dir+"/device"), true)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// number reads a file that is one number; 0 where there is none.
func number(path string) uint32 {
	b, _ := os.ReadFile(path)
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	return uint32(n)
}

// pairs finds out which ends of pairs have their other end elsewhere: those that are not each other's.
func (p *procDev) pairs() {
	f := newFinder(p.known)
	for n := range p.known {
		i := &p.known[n]
		if i.Kind != Veth {
			continue
		}
		peer := f.find(i.NetNS, i.Link)
		i.LinkElsewhere = peer < 0 || p.known[peer].Kind != Veth || p.known[peer].Link != i.Index
	}
}

// reply is the union of struct ifreq.
type reply [24]byte

func (r *reply) word() uint32 { return *(*uint32)(unsafe.Pointer(r)) }

// ask makes one of the calls of netdevice(7).
func (p *procDev) ask(name string, call uint) (reply, error) {
	var req struct {
		name [unix.IFNAMSIZ]byte
		reply
	}
	if len(name) >= len(req.name) {
		return reply{}, unix.EINVAL
	}
	copy(req.name[:], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(p.fd), uintptr(call), uintptr(unsafe.Pointer(&req))); errno != 0 {
		return reply{}, errno
	}
	return req.reply, nil
}
