// Package unixpipe makes the Linux calls that named pipes are made of: Unix sockets of both types, without waiting, and the
// lock of a server. Names and meaning are its caller's, the package pipe.
//
// Sending and receiving cost no allocation. Calls that move little are made without telling Go's scheduler
// (syscall.RawSyscall), because they never wait.
package unixpipe
