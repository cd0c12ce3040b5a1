// Package iocp makes the calls of Windows' I/O completion ports: a [Port] for who reaps by itself, and for goroutines a
// [File], whose overlapped calls have deadlines. All files share a port and a goroutine, which are there while any file is open.
// It also finds Winsock's extension functions (AcceptEx, ConnectEx), whose addresses are those of a socket's provider.
package iocp
