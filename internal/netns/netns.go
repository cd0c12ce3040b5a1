// Package netns finds the network namespaces of the machine. Linux only: elsewhere the functions return an error for
// which errors.Is(err, errors.ErrUnsupported) holds.
package netns

import (
	"fmt"
	"path"
	"strconv"
	"strings"
)

// Namespace is a network namespace.
type Namespace struct {
	Inode uint64 // its identity, which rawsock.Record.NetNS has too
	// Path can be opened for setns(2): a bind mount, or /proc/PID/ns/net of a process in it, which is valid as long as
	// that process lives.
	Path string
	// Name is that of its bind mount ("web" for /run/netns/web); empty where it has none.
	Name string
	Own  bool // the one of the calling process
}

// Error is a failed operation. Unwrap reaches the error number.
type Error struct {
	Op  string
	Err error
}

func (e *Error) Error() string { return "network namespaces: " + e.Op + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// parseLink parses what a link of /proc/PID/ns refers to: "net:[inode]".
func parseLink(b []byte) (inode uint64, ok bool) {
	digits, found := strings.CutPrefix(string(b), "net:[")
	digits, closed := strings.CutSuffix(digits, "]")
	n, err := strconv.ParseUint(digits, 10, 64)
	if !found || !closed || err != nil {
		return 0, false
	}
	return n, true
}

// mount is a bind mount of a network namespace.
type mount struct {
	inode uint64
	point string
}

// parseMounts finds the network namespaces in /proc/PID/mountinfo (proc_pid_mountinfo(5)): lines of the file system nsfs
// whose root is "net:[inode]". A line that cannot be understood is an error, which quotes it.
func parseMounts(text string) ([]mount, error) {
	var ms []mount
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if !ok || len(f) < 5 {
			return ms, fmt.Errorf("mountinfo line %q", line)
		}
		inode, isNet := parseLink([]byte(f[3]))
		if isNet && strings.HasPrefix(after, "nsfs ") {
			ms = append(ms, mount{inode, unescape(f[4])})
		}
	}
	return ms, nil
}

// unescape undoes what the kernel does to space, tab, line feed and backslash in a path: \ and three octal digits.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// named reports whether a mount is where ip-netns(8) puts its own, so that its name is the one people know.
func (m *mount) named() bool {
	return path.Dir(m.point) == "/run/netns" || path.Dir(m.point) == "/var/run/netns"
}

func (m *mount) name() string { return path.Base(m.point) }
