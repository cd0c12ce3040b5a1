package netstat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// listing asks for the sockets of one protocol, without owners.
type listing struct {
	proto    uint16
	families Families
	states   uint32 // bit n is the kernel's state n
	ports    []uint16
	info     bool
}

// lister lists the sockets of one network namespace. What it lists may hold more than was asked for.
type lister interface {
	list(dst []rawsock.Record, l *listing) ([]rawsock.Record, error)
	listUnix(dst []rawsock.Unix) ([]rawsock.Unix, error)
	close() error
}

// openLister prefers sock_diag. Without it there is /proc/net, where bound sockets that do not listen are not shown.
func openLister(netns uint32) (lister, error) {
	d, err := openDiag(netns)
	if err == nil {
		return d, nil
	}
	if !netlink.Refused(err) {
		return nil, err
	}
	return openProcNetFiles(netns, err)
}

// diag lists by sock_diag(7).
type diag struct {
	conn *netlink.Conn
	rows inetdiag.Rows
	unix inetdiag.UnixRows
	req  []byte
}

// openDiag opens sock_diag and tries it, because a sandbox may let the socket be opened and refuse what is asked of it.
func openDiag(netns uint32) (*diag, error) {
	c, err := netlink.Open()
	if err != nil {
		return nil, err
	}
	d := &diag{conn: c, rows: inetdiag.Rows{NetNS: netns}}
	if _, err := d.list(nil, &listing{proto: rawsock.ProtoTCP, families: IPv4, states: 1 << rawsock.Listen}); err != nil {
		c.Close()
		return nil, err
	}
	return d, nil
}

// openDiagIn opens sock_diag in another namespace.
func openDiagIn(path string, netns uint32) (*diag, error) {
	c, err := netlink.OpenIn(path)
	if err != nil {
		return nil, err
	}
	return &diag{conn: c, rows: inetdiag.Rows{NetNS: netns}}, nil
}

func (d *diag) list(dst []rawsock.Record, l *listing) ([]rawsock.Record, error) {
	d.rows.Proto, d.rows.Rows = l.proto, dst
	var errs []error
	for _, family := range l.passes() {
		if err := d.dump(family, l); err != nil {
			errs = append(errs, err)
		}
	}
	dst, d.rows.Rows = d.rows.Rows, nil
	return dst, errors.Join(errs...)
}

// passes are the families to dump: for TCP the kernel gives both in one pass.
func (l *listing) passes() []uint8 {
	switch {
	case l.families == IPv4:
		return []uint8{rawsock.AFInet}
	case l.families == IPv6:
		return []uint8{rawsock.AFInet6}
	case l.proto == rawsock.ProtoTCP:
		return []uint8{0}
	}
	return []uint8{rawsock.AFInet, rawsock.AFInet6}
}

func (d *diag) dump(family uint8, l *listing) error {
	if len(l.ports) == 0 {
		return d.request(&inetdiag.Request{Proto: l.proto, Family: family, States: l.states, Info: l.info})
	}
	for ports := range slices.Chunk(inetdiag.Ranges(l.ports), inetdiag.MaxRanges) {
		if err := d.request(&inetdiag.Request{Proto: l.proto, Family: family, States: l.states, Info: l.info, Ports: ports}); err != nil {
			return err
		}
	}
	return nil
}

func (d *diag) request(r *inetdiag.Request) (err error) {
	if d.req, err = r.Append(d.req[:0]); err != nil {
		return err
	}
	return d.conn.Dump(d.req, &d.rows)
}

func (d *diag) listUnix(dst []rawsock.Unix) ([]rawsock.Unix, error) {
	d.req = (&inetdiag.UnixRequest{}).Append(d.req[:0])
	d.unix.Rows = dst
	from := len(dst)
	err := d.conn.Dump(d.req, &d.unix)
	dst, d.unix.Rows = d.unix.Rows, nil
	for i := from; i < len(dst); i++ {
		dst[i].NetNS = d.rows.NetNS
	}
	return dst, err
}

func (d *diag) close() error { return d.conn.Close() }

// kernelStates turns the states of a query into the kernel's bits for TCP. 0 is none.
func kernelStates(s States) (bits uint32) {
	for st := Established; st <= DeleteTCB; st++ {
		if !s.Has(st) {
			continue
		}
		switch st {
		case Bound:
			bits |= 1 << rawsock.BoundInactive
		case SynRecv:
			bits |= 1<<rawsock.SynRecv | 1<<rawsock.NewSynRecv
		case Closed, Unconnected, DeleteTCB:
		default:
			bits |= 1 << st
		}
	}
	return bits
}

// udpStates does so for UDP.
func udpStates(s States) (bits uint32) {
	if s.Has(Established) {
		bits |= 1 << rawsock.Established
	}
	if s.Has(Unconnected) {
		bits |= 1 << rawsock.Close
	}
	return bits
}

// incompleteList says that a listing is short, in words for a person.
func incompleteList(what string, err error) error {
	if errors.Is(err, netlink.ErrInterrupted) {
		return fmt.Errorf("%s: the table changed under every attempt to read it; %w or doubled: %w", what, errRows, err)
	}
	return fmt.Errorf("%s could not be read, so that %w: %w", what, errRows, err)
}
