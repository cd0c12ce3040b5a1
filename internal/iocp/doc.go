// Package iocp makes overlapped calls on Windows handles, for goroutines: one completion port for the process, one
// goroutine that takes from it, and deadlines. The port is there while any [File] is open.
//
// It is small on purpose: what programs want of a completion port themselves is another package's.
package iocp
