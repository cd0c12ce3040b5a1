// Package sockex has Winsock's extension functions, under the names that Windows programmers know, on Linux and Windows:
//
//   - [AcceptEx] takes a connection together with its first block and both addresses;
//   - [ConnectEx] connects and sends;
//   - [DisconnectEx] ends a connection and keeps the socket for the next one;
//   - TransmitFile sends a file between two blocks of memory;
//   - TransmitPackets sends memory and parts of files, as a stream or as datagrams.
//
// Each comes twice. The plain function is for ordinary programs: it takes a *net.TCPConn, a *net.TCPListener or a
// *net.UDPConn, waits, and ends early when its context ends or the connection's own deadline passes. The one whose name
// begins with New makes an operation for a completion port:
//
//	accept := sockex.NewAcceptEx(listener, make([]byte, 4096), nil)
//	err := port.Submit(accept.Op())
//
// What a system lacks falls back where the result can be the same; otherwise the error is errors.ErrUnsupported.
// [Features] tells which is which on this machine, and docs/sockex.md has the table.
//
// # Errors
//
// They are [*Error], which says how many bytes went. What is wrong is a [Condition], the same on both systems; the
// system's own number is underneath:
//
//	if errors.Is(err, sockex.ErrReset) { ... }
package sockex
