// Package mswsock calls Winsock's extension functions, whose addresses are those of a socket's provider, and waits for them
// with an event of their own: a socket of package net is on the Go runtime's completion port, and can be on no other.
package mswsock
