package netstat

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// baker asks the kernel for the cookies of rows that a BPF walk brought and that have none, because nobody asked before.
type baker struct {
	rows *rows
	diag *diag
	want []uint32 // indices in rows.list
	req  []byte
	dec  inetdiag.Decoder
	list []rawsock.Record
}

// cookies fills in what is missing, namespace by namespace.
func (p *pass) cookies() {
	b := &baker{rows: &p.t.rows}
	if !p.bare || !b.lacking(p.t.netns) {
		return
	}
	if d, ok := p.list.(*diag); ok {
		p.note(b.bake(d))
	}
	for _, ns := range b.namespaces(p.t.netns) {
		b.lacking(ns)
		p.note(b.bakeIn(ns))
	}
}

func (p *pass) note(err error) {
	if err != nil {
		p.t.missing(fmt.Errorf("not every socket's cookie is known: %w", err))
	}
}

// lacking makes b.want the rows of a namespace that have no cookie, and reports whether any row has none.
func (b *baker) lacking(netns uint32) (any bool) {
	b.want = b.want[:0]
	for i, w := range b.rows.list {
		if w.rec&unixBit != 0 || w.slot == none {
			continue
		}
		if r := b.rows.record(w); r.Cookie == 0 && r.Inode != 0 {
			any = true
			if r.NetNS == netns {
				b.want = append(b.want, uint32(i))
			}
		}
	}
	return any
}

// namespaces are those, but for one, that have rows without a cookie.
func (b *baker) namespaces(but uint32) (list []uint32) {
	for _, w := range b.rows.list {
		if w.rec&unixBit != 0 || w.slot == none {
			continue
		}
		if r := b.rows.record(w); r.Cookie == 0 && r.Inode != 0 && r.NetNS != but && !slices.Contains(list, r.NetNS) {
			list = append(list, r.NetNS)
		}
	}
	return list
}

// bakeIn asks in another namespace: that of a process which holds one of its sockets.
func (b *baker) bakeIn(netns uint32) error {
	path, err := b.path(netns)
	if err != nil {
		return err
	}
	d, err := openDiagIn(path, netns)
	if err != nil {
		return err
	}
	defer d.close()
	return b.bake(d)
}

// path leads to a namespace. A process may hold sockets of other namespaces than its own.
func (b *baker) path(netns uint32) (string, error) {
	tried := -1
	for _, i := range b.want {
		for at := b.rows.slots[b.rows.list[i].slot].owner; at != none; at = b.rows.links[at].next {
			pid := b.rows.procs[b.rows.links[at].proc].PID
			if pid == tried {
				continue
			}
			tried = pid
			path := "/proc/" + strconv.Itoa(pid) + "/ns/net"
			var st unix.Stat_t
			if unix.Stat(path, &st) == nil && uint32(st.Ino) == netns {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("no process is known to be in network namespace %d: %w", netns, errors.ErrUnsupported)
}

// wholeTable is how many sockets are asked for one by one in any case. More are listed with all others, which takes half as
// long for each, where they are more than half of all.
const wholeTable = 512

func (b *baker) bake(d *diag) error {
	b.diag, b.list = d, b.list[:0]
	if len(b.want) > wholeTable && len(b.want) > len(b.rows.list)/2 {
		return b.listed(inetdiag.AllStates&withFile, false)
	}
	err := b.connections()
	if len(b.want) > 0 {
		err = errors.Join(err, b.listed(unhashedStates, true))
	}
	return err
}

// lookups is how many sockets are asked for at a time.
const lookups = 64

// connections asks for each TCP connection, which its addresses name, and leaves the others in b.want.
func (b *baker) connections() error {
	rest, n := b.want[:0], 0
	var errs []error
	for _, i := range b.want {
		r := b.rows.record(b.rows.list[i])
		if r.Proto != rawsock.ProtoTCP || 1<<r.State&unhashedStates != 0 || r.State == rawsock.Close {
			rest = append(rest, i)
			continue
		}
		b.req = inetdiag.AppendLookup(b.req, r)
		if n++; n%lookups == 0 {
			errs = append(errs, b.ask())
		}
	}
	b.want = rest
	return errors.Join(append(errs, b.ask())...)
}

// ask sends the requests that were gathered. A socket that is no more has no answer.
func (b *baker) ask() error {
	if len(b.req) == 0 {
		return nil
	}
	b.dec.Proto = rawsock.ProtoTCP
	err := b.diag.conn.Lookup(b.req, func(answer []byte) error {
		_, _, err := b.dec.Decode(answer, b.keep)
		var e *inetdiag.Error
		if errors.As(err, &e) && (e.Errno == syscall.ENOENT || e.Errno == syscall.ESTALE) {
			return nil
		}
		return err
	})
	b.req = b.req[:0]
	return err
}

// keep notes the cookie of a socket that is in the table.
func (b *baker) keep(r *rawsock.Record) bool {
	if s := b.rows.known(r.Inode); s != none && r.Cookie != 0 {
		if b.rows.cookies == nil {
			b.rows.cookies = make(map[uint32]uint64)
		}
		b.rows.cookies[s] = r.Cookie
	}
	return true
}

// listed lists the sockets of b.want, TCP in these states and UDP, by their ports or with all others.
func (b *baker) listed(states uint32, byPort bool) (err error) {
	var ports []uint16
	tcp, udp := false, false
	for _, i := range b.want {
		r := b.rows.record(b.rows.list[i])
		ports = append(ports, r.LocalPort)
		tcp, udp = tcp || r.Proto == rawsock.ProtoTCP, udp || r.Proto == rawsock.ProtoUDP
	}
	if slices.Sort(ports); !byPort {
		ports = nil
	}
	ports = slices.Compact(ports)
	if tcp {
		b.list, err = b.diag.list(b.list, &listing{proto: rawsock.ProtoTCP, states: states, ports: ports})
	}
	if udp {
		var udpErr error
		b.list, udpErr = b.diag.list(b.list, &listing{proto: rawsock.ProtoUDP, states: udpStates(0), ports: ports})
		err = errors.Join(err, udpErr)
	}
	for i := range b.list {
		b.keep(&b.list[i])
	}
	return err
}
