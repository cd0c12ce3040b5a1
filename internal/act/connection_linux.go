package act

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/netns"
	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/netstat"
)

// closer has a socket for each network namespace.
type closer struct {
	conns map[uint64]*netlink.Conn
	own   uint64
}

func (c *closer) close(conn *Connection) error {
	nl, err := c.open(conn.NetNS)
	if err != nil {
		return conn.error(reasonOf(err), fmt.Errorf("its network namespace: %w", err))
	}
	rec := record(conn)
	return conn.explain(ask(nl, &rec))
}

// ask asks the kernel, and returns what it answers.
func ask(nl *netlink.Conn, rec *rawsock.Record) error {
	answered := false
	err := nl.Lookup(inetdiag.AppendClose(nil, rec), func(b []byte) error {
		answered = true
		var d inetdiag.Decoder
		_, _, err := d.Decode(b, func(*rawsock.Record) bool { return true })
		return err
	})
	if err == nil && !answered {
		return errors.New("the kernel did not answer")
	}
	return err
}

// open is a socket in a namespace; 0 is our own.
func (c *closer) open(ns uint64) (*netlink.Conn, error) {
	if c.conns == nil {
		own, err := netns.Own()
		if err != nil {
			return nil, err
		}
		c.conns, c.own = make(map[uint64]*netlink.Conn), own.Inode
	}
	if ns == 0 {
		ns = c.own
	}
	if nl := c.conns[ns]; nl != nil {
		return nl, nil
	}
	nl, err := c.openIn(ns)
	if err == nil {
		c.conns[ns] = nl
	}
	return nl, err
}

func (c *closer) openIn(ns uint64) (*netlink.Conn, error) {
	if ns == c.own {
		return netlink.Open()
	}
	list, _, err := netns.List()
	if err != nil {
		return nil, err
	}
	for _, n := range list {
		if n.Inode == ns {
			return netlink.OpenIn(n.Path)
		}
	}
	return nil, unix.ENOENT
}

func (c *closer) release() error {
	var errs []error
	for _, nl := range c.conns {
		errs = append(errs, nl.Close())
	}
	c.conns = nil
	return errors.Join(errs...)
}

func record(c *Connection) rawsock.Record {
	r := rawsock.Record{Family: rawsock.AFInet6, Proto: rawsock.ProtoTCP, Interface: c.Interface, Cookie: c.Cookie,
		LocalPort: c.Local.Port(), RemotePort: c.Remote.Port()}
	if c.Proto == netstat.UDP {
		r.Proto = rawsock.ProtoUDP
	}
	if c.Local.Addr().Is4() {
		r.Family = rawsock.AFInet
	}
	put(&r.Local, c.Local.Addr())
	put(&r.Remote, c.Remote.Addr())
	return r
}

func put(to *[16]byte, a netip.Addr) { copy(to[:], a.AsSlice()) }

// What the kernel's numbers mean here, and what to do about them.
var (
	errNeedsAdmin = "only root may close connections (CAP_NET_ADMIN): run it with sudo"
	errNoDestroy  = "this kernel closes no connections of others: it was built without CONFIG_INET_DIAG_DESTROY; end their owner instead"
	errNoTimeWait = "this kernel does not close what is in TIME_WAIT: it goes within a minute"
)

// explain makes an [Error] of the kernel's answer. A socket that is closed already, and one between the same ends that is not
// the one that was meant, are both ENOENT. A kernel before 4.5 does not know the request (EINVAL).
func (c *Connection) explain(err error) error {
	switch reason := reasonOf(err); {
	case err == nil:
		return nil
	case reason == Denied:
		return c.error(reason, fmt.Errorf("%s: %w", errNeedsAdmin, err))
	case reason == Gone:
		return c.error(reason, fmt.Errorf("it is closed already: %w", err))
	case reason == Unsupported && c.State == netstat.TimeWait:
		return c.error(reason, fmt.Errorf("%s: %w", errNoTimeWait, err))
	case reason == Unsupported:
		return c.error(reason, fmt.Errorf("%s: %w", errNoDestroy, err))
	default:
		return c.error(reason, err)
	}
}

// reasonOf sorts the numbers of sock_diag, pidfd_open(2) and pidfd_send_signal(2).
func reasonOf(err error) Reason {
	for _, c := range []struct {
		errno  unix.Errno
		reason Reason
	}{
		{unix.EPERM, Denied}, {unix.EACCES, Denied}, {unix.ENOENT, Gone}, {unix.ESTALE, Gone}, {unix.ESRCH, Gone},
		{unix.EOPNOTSUPP, Unsupported}, {unix.EINVAL, Unsupported}, {unix.ENOSYS, Unsupported}, {unix.EPROTONOSUPPORT, Unsupported},
	} {
		if errors.Is(err, c.errno) {
			return c.reason
		}
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return Unsupported
	}
	return Failed
}
