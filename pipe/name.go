package pipe

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// maxName is how many characters (UTF-16) may follow \\.\pipe\ in Windows.
const maxName = 256

// pipeName is a name, taken apart. host is empty for a pipe of this machine, path for a name that is none of Windows.
type pipeName struct {
	host string // of \\host\pipe\name
	name string // as it was given: its case does not count, but programs show it
	path string // what is no name of Windows, as it is
}

// parseName understands \\.\pipe\name in any case and with slashes either way, and leaves everything else as a path.
func parseName(s string) (pipeName, error) {
	rest, ok := cutSlashes(s, 2)
	if !ok {
		if s == "" || strings.IndexByte(s, 0) >= 0 {
			return pipeName{}, badName(s)
		}
		return pipeName{path: s}, nil
	}
	host, rest, ok := cutSlash(rest)
	if host != "." && strings.HasPrefix(s, "//") {
		return pipeName{path: s}, nil // what a path of Linux may begin with
	}
	if !ok || host == "" {
		return pipeName{}, badName(s)
	}
	dir, name, ok := cutSlash(rest)
	if !ok || !strings.EqualFold(dir, "pipe") || name == "" || len(utf16.Encode([]rune(name))) > maxName || strings.IndexByte(name, 0) >= 0 {
		return pipeName{}, badName(s)
	}
	p := pipeName{host: host, name: strings.ReplaceAll(name, "/", `\`)}
	if host == "." || host == "?" {
		p.host = ""
	}
	return p, nil
}

func badName(s string) error { return fmt.Errorf("%w: %q", ErrBadName, s) }

func isSlash(c byte) bool { return c == '\\' || c == '/' }

func cutSlashes(s string, n int) (rest string, ok bool) {
	if len(s) < n {
		return s, false
	}
	for i := range n {
		if !isSlash(s[i]) {
			return s, false
		}
	}
	return s[n:], true
}

func cutSlash(s string) (before, after string, ok bool) {
	i := strings.IndexAny(s, `\/`)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// Addr is the name of a pipe as a net.Addr.
type Addr string

// Network returns "pipe".
func (Addr) Network() string  { return "pipe" }
func (a Addr) String() string { return string(a) }
