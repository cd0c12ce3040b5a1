package netstat

import (
	"errors"
	"fmt"
	"os"

	"github.com/sockeye-net/sockeye/internal/procfs"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// procNetFiles lists by the text files in /proc/net, where sock_diag is refused. They tell less: no bound sockets, no
// interface, no counters.
type procNetFiles struct {
	dir   string
	netns uint32
}

func openProcNetFiles(netns uint32) (lister, error) {
	p := &procNetFiles{dir: "/proc/net/", netns: netns}
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
