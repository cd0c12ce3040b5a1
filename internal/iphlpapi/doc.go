// Package iphlpapi calls Windows' IP helper for the tables of TCP and UDP sockets, the module behind a socket, the tables of
// interfaces and their addresses, and the extended statistics of a TCP connection. What it returns are the system's bytes;
// internal/miblayout decodes them. On other systems the package is empty.
package iphlpapi

//go:generate go run golang.org/x/sys/windows/mkwinsyscall@v0.49.0 -output zsyscall_windows.go syscall_windows.go
