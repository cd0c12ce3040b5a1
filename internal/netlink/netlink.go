// Package netlink reads dumps and notices from the kernel through netlink sockets: NETLINK_SOCK_DIAG (sock_diag(7)) and
// NETLINK_ROUTE (rtnetlink(7)). It moves bytes and repeats what was interrupted; what the bytes mean is for packages
// inetdiag and rtlink. Linux only: elsewhere Open and its relatives return an error for which errors.Is(err,
// errors.ErrUnsupported) holds.
package netlink

import "errors"

// ErrInterrupted is returned, wrapped, when the table changed under every attempt to read it. The reader keeps the rows
// of the last attempt, of which some may be missing or doubled.
var ErrInterrupted = errors.New("the table changed while it was read")

// errForeign is wrapped when an answer is not for the request.
var errForeign = errors.New("unexpected answer")

// Attempts is how often a dump is read before [ErrInterrupted] is returned.
const Attempts = 4

// Family is a family of netlink sockets, which says what they are about.
type Family int

// The families.
const (
	Diag  Family = iota // NETLINK_SOCK_DIAG: sockets
	Route               // NETLINK_ROUTE: interfaces, addresses, routes
)

// Groups of notices that anyone may subscribe to (linux/sock_diag.h, linux/rtnetlink.h).
const (
	GroupTCPDestroy  = 1 // Diag: SKNLGRP_INET_TCP_DESTROY, with the last struct tcp_info
	GroupUDPDestroy  = 2 // Diag: SKNLGRP_INET_UDP_DESTROY
	GroupTCP6Destroy = 3 // Diag: SKNLGRP_INET6_TCP_DESTROY
	GroupUDP6Destroy = 4 // Diag: SKNLGRP_INET6_UDP_DESTROY

	GroupLink  = 1 // Route: RTNLGRP_LINK
	GroupAddr4 = 5 // Route: RTNLGRP_IPV4_IFADDR
	GroupAddr6 = 9 // Route: RTNLGRP_IPV6_IFADDR
)

// OpError is a failed operation. Unwrap reaches the error number.
type OpError struct {
	Op  string // "socket", "setns", "send", "receive", "dump", ...
	Err error
}

func (e *OpError) Error() string { return "netlink: " + e.Op + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }

// Reader takes the answer to a dump request. inetdiag.Rows, inetdiag.UnixRows and rtlink's are readers.
type Reader interface {
	// Begin comes once, before the first batch.
	Begin()
	// Batch takes what one read gave; the bytes are valid during the call only. It reports the end of the dump, and
	// whether the kernel marked it as interrupted. After an error nothing more of this dump comes.
	Batch(b []byte) (done, interrupted bool, err error)
	// Retry comes when the dump was interrupted and is read again from the start: rows since Begin are to be dropped.
	Retry()
}
