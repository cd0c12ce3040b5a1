package netstat

import (
	"errors"
	"fmt"
	"os"

	"github.com/sockeye-net/sockeye/internal/procfs"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// procNetFiles lists by the text files in /proc/net, where sock_diag is refused. They tell less: see untold and note.
type procNetFiles struct {
	dir     string
	netns   uint32
	refused error // why sock_diag is not used, where that was refused
}

func openProcNetFiles(netns uint32, refused error) (lister, error) {
	p := &procNetFiles{dir: "/proc/net/", netns: netns, refused: refused}
	if _, err := os.Stat(p.dir + "tcp"); err != nil {
		return nil, fmt.Errorf("neither sock_diag nor /proc/net is to be had: %w", err)
	}
	return p, nil
}

func (p *procNetFiles) list(dst []rawsock.Record, l *listing) ([]rawsock.Record, error) {
	name := "tcp"
	if l.proto == rawsock.ProtoUDP {
		name = "udp"
	}
	var errs []error
	for _, f := range []struct {
		family Families
		suffix string
	}{{IPv4, ""}, {IPv6, "6"}} {
		if l.families != 0 && l.families&f.family == 0 {
			continue
		}
		var err error
		if dst, err = p.read(dst, name+f.suffix, l.proto); err != nil {
			errs = append(errs, err)
		}
	}
	return dst, errors.Join(errs...)
}

func (p *procNetFiles) read(dst []rawsock.Record, name string, proto uint16) ([]rawsock.Record, error) {
	b, err := os.ReadFile(p.dir + name)
	if errors.Is(err, os.ErrNotExist) {
		return dst, nil // a kernel without IPv6
	}
	if err != nil {
		return dst, err
	}
	seen := make(map[rawsock.Record]struct{})
	err = procfs.DecodeInet(b, proto, func(r *rawsock.Record) bool {
		// The text comes in several reads, and a row moves when sockets open and close between two of them.
		key := rawsock.Record{Local: r.Local, Remote: r.Remote, LocalPort: r.LocalPort, RemotePort: r.RemotePort, Inode: r.Inode}
		if _, twice := seen[key]; !twice {
			seen[key] = struct{}{}
			dst = append(dst, *r)
			dst[len(dst)-1].NetNS = p.netns
		}
		return true
	})
	return dst, err
}

func (p *procNetFiles) listUnix(dst []rawsock.Unix) ([]rawsock.Unix, error) {
	b, err := os.ReadFile(p.dir + "unix")
	if err != nil {
		return dst, err
	}
	err = procfs.DecodeUnix(b, func(u *rawsock.Unix) bool {
		if u.Inode != 0 { // 0 waits to be accepted, which sock_diag does not show
			dst = append(dst, *u)
			dst[len(dst)-1].NetNS = p.netns
		}
		return true
	})
	return dst, err
}

func (p *procNetFiles) close() error { return nil }

// errText marks what is missing because it is /proc/net that was read.
var errText = errors.New("/proc/net does not tell of sockets that are merely bound, nor of counters, interfaces, cookies and the limits of listeners' queues")

// noteText says, once a reading, what a lister does not tell.
func (t *table) noteText(l lister) {
	p, ok := l.(*procNetFiles)
	switch {
	case !ok:
	case p.refused != nil:
		t.missing(fmt.Errorf("sock_diag is refused (%w), and %w: let this process open netlink sockets (NETLINK_SOCK_DIAG)", p.refused, errText))
	default:
		t.missing(errText)
	}
}

// byText reports whether rows that no descriptor gave come from /proc/net.
func (t *table) byText() bool {
	var l lister
	switch s := t.src.(type) {
	case *procSource:
		l = s.list
	case *bpfSource:
		l = s.list
	}
	_, ok := l.(*procNetFiles)
	return ok
}

// untold takes back what a row of /proc/net does not tell. Other namespaces are always listed by sock_diag.
func (t *table) untold(s *Socket, w row) {
	if w.rec&(moreBit|unixBit) == 0 || s.NetNS != uint64(t.netns) {
		return
	}
	s.Info = TCPInfo{}
	if s.Proto == Unix {
		s.HasUID, s.HasQueues = false, false
	}
	if s.State == Listen {
		s.RecvQ, s.SendQ, s.HasQueues = 0, 0, false
	}
}
