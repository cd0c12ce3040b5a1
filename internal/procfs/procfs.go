// Package procfs understands the text of proc(5). It makes no system call and builds on every system: it is given the
// bytes of a file.
package procfs

import (
	"strconv"
)

// ParseError is text that breaks its format; it quotes what offended.
type ParseError struct {
	What string
	Text string // at most 128 bytes
}

func (e *ParseError) Error() string { return "proc: " + e.What + ": " + strconv.Quote(e.Text) }

func parseError(what string, b []byte) error {
	return &ParseError{What: what, Text: string(b[:min(len(b), 128)])}
}

// decimal parses an unsigned number, digits only.
func decimal(b []byte) (n uint64, ok bool) { return number(b, 10) }

// hexadecimal parses an unsigned number without a prefix.
func hexadecimal(b []byte) (n uint64, ok bool) { return number(b, 16) }

func number(b []byte, base uint64) (n uint64, ok bool) {
	for _, c := range b {
		d := digit(c)
		if d >= base || n > (1<<64-1-d)/base {
			return 0, false
		}
		n = n*base + d
	}
	return n, len(b) > 0
}

// digit is the value of a hexadecimal digit, and 255 for any other byte.
func digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c >= 'a' && c <= 'f':
		return uint64(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return uint64(c-'A') + 10
	}
	return 255
}
