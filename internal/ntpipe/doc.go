// Package ntpipe makes the Windows calls for named pipes that golang.org/x/sys/windows does not have, and those that need
// more than one of its functions.
package ntpipe

//go:generate go run golang.org/x/sys/windows/mkwinsyscall@v0.49.0 -output zsyscall_windows.go syscall_windows.go
