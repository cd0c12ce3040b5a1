package pipe

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Listed is a pipe of this machine, as [List] finds it. What the system does not tell is 0 or empty.
type Listed struct {
	Name         string // as it can be dialed; empty for a long one whose server died before it had told it
	Path         string // of the socket file, on Linux
	PID          int    // the server's process
	User         string // the server's user: a number; not told by Windows
	Type         Mode   // not told by Windows, which leaves it Byte: see TypeKnown
	TypeKnown    bool
	Dead         bool // the server died and has left its file; on Linux
	Instances    int  // on Linux clients that were accepted; on Windows instances, with those that wait for a client
	MaxInstances int  // 0 is unlimited
	Waiting      int  // clients that were not accepted yet; on Linux
}

// List lists the pipes of this machine. On Linux these are the named pipes of this package, of this user and those that root
// shares; for root, of all users. Pipes whose name is a path are not found. It costs a directory and, on Linux, a list of the
// machine's Unix sockets; where that is refused, Instances and Waiting are 0.
//
// A partial list comes with an error.
func List() ([]Listed, error) {
	l, err := list()
	return l, wrap("list", `\\.\pipe\`, err)
}

// ListedAt is the pipe whose socket has that path, as [List] tells of it, but without counts of clients: a pipe whose name is a
// path is found by those that look at all sockets. It is false for what is no pipe of this package, as far as this user may
// see, and on Windows, where pipes have no path.
func ListedAt(path string) (Listed, bool) { return listedAt(path) }

// lockFile is what a server tells in a file beside its lock: a line for each, name=value.
type lockFile struct {
	name         string
	pid          int
	typ          Mode
	typeKnown    bool
	wait         time.Duration
	maxInstances int
}

func (l *lockFile) text() string {
	name := l.name
	if strings.ContainsAny(name, "\n\"") {
		name = strconv.Quote(name)
	}
	b := "name=" + name + "\npid=" + strconv.Itoa(l.pid) + "\ntype=" + l.typ.String() + "\n"
	if l.wait > 0 {
		b += "wait=" + l.wait.String() + "\n"
	}
	if l.maxInstances > 0 {
		b += "instances=" + strconv.Itoa(l.maxInstances) + "\n"
	}
	return b
}

// parseLockFile takes what it understands. A file can be half written, and another version's.
func parseLockFile(text string) (l lockFile) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		n, err := strconv.Atoi(value)
		isNumber := err == nil && n > 0
		switch {
		case name == "name":
			l.name = value
			if s, err := strconv.Unquote(value); err == nil && value[0] == '"' {
				l.name = s
			}
		case name == "pid" && isNumber:
			l.pid = n
		case name == "instances" && isNumber:
			l.maxInstances = n
		case name == "type" && (value == Byte.String() || value == Message.String()):
			l.typeKnown = true
			if value == Message.String() {
				l.typ = Message
			}
		case name == "wait":
			if d, err := time.ParseDuration(value); err == nil && d > 0 {
				l.wait = d
			}
		}
	}
	return l
}

// Offsets in FILE_FULL_DIR_INFO (winbase.h). For pipes the file system puts instances where files have their sizes.
const (
	dirNext       = 0
	dirEndOfFile  = 40 // instances there are
	dirAllocation = 48 // instances there may be; all bits set is unlimited
	dirNameLength = 60 // in bytes
	dirName       = 68
)

var errDirectory = errors.New("the list of pipes is broken")

// parseDirectory reads a list of FILE_FULL_DIR_INFO.
func parseDirectory(b []byte) (all []Listed, err error) {
	for len(b) > 0 {
		if len(b) < dirName {
			return all, errDirectory
		}
		size := binary.LittleEndian.Uint32(b[dirNameLength:])
		if size%2 != 0 || uint64(size) > uint64(len(b)-dirName) {
			return all, errDirectory
		}
		name := make([]uint16, size/2)
		for i := range name {
			name[i] = binary.LittleEndian.Uint16(b[dirName+2*i:])
		}
		l := Listed{Name: `\\.\pipe\` + string(utf16.Decode(name)), Instances: int(int32(binary.LittleEndian.Uint32(b[dirEndOfFile:])))}
		if most := int32(binary.LittleEndian.Uint32(b[dirAllocation:])); most > 0 {
			l.MaxInstances = int(most)
		}
		all = append(all, l)
		next := binary.LittleEndian.Uint32(b[dirNext:])
		if next == 0 {
			return all, nil
		}
		if next < dirName || uint64(next) > uint64(len(b)) {
			return all, errDirectory
		}
		b = b[next:]
	}
	return all, nil
}
