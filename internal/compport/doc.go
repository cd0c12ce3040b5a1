// Package compport makes the calls of Windows' I/O completion ports, and finds Winsock's extension functions
// (AcceptEx, ConnectEx), whose addresses are those of a socket's provider.
package compport
