package procfs

import (
	"bytes"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// Fields of a line of /proc/net/unix, counted from 0; the path follows, if there is one (proc_net_unix(5)).
const (
	unixFlags  = 3
	unixType   = 4
	unixState  = 5
	unixInode  = 6
	unixFields = 7
)

const (
	unixAccepts    = 0x10000 // __SO_ACCEPTCON: the socket listens
	unixConnecting = 2       // SS_CONNECTING, which stands for connected and not yet accepted
	unixConnected  = 3       // SS_CONNECTED
)

// DecodeUnix calls emit for every line of /proc/net/unix until it returns false. b is the whole text; the record is used
// again for the next line. Queues, peer and user are not told there. A socket that is not yet accepted has inode 0.
//
// The error, for a first line that cannot be understood, is a [ParseError]. A later one is taken as part of the name
// before it: the kernel prints a line feed in a name as it is.
func DecodeUnix(b []byte, emit func(*rawsock.Unix) bool) error {
	var row rawsock.Unix
	have := false
	for line := range bytes.Lines(b) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		next, ok := parseUnix(line)
		switch {
		case bytes.HasPrefix(line, []byte("Num ")):
		case !ok && !have:
			return parseError("Unix socket line", line)
		case !ok:
			row.Name += "\n" + string(line)
		case have && !emit(&row):
			return nil
		default:
			row, have = next, true
		}
	}
	if have {
		emit(&row)
	}
	return nil
}

func parseUnix(line []byte) (u rawsock.Unix, ok bool) {
	var f [unixFields][]byte
	name, ok := fields(line, f[:])
	if !ok || !bytes.HasSuffix(f[0], []byte{':'}) {
		return u, false
	}
	flags, ok1 := hexadecimal(f[unixFlags])
	typ, ok2 := hexadecimal(f[unixType])
	state, ok3 := hexadecimal(f[unixState])
	inode, ok4 := decimal(f[unixInode])
	if !ok1 || !ok2 || !ok3 || !ok4 || typ > 255 || inode>>32 != 0 {
		return u, false
	}
	u.Type, u.Inode, u.State = uint8(typ), uint32(inode), unixStateOf(flags, state)
	u.Name = string(bytes.TrimPrefix(name, []byte{' '})) // it may hold spaces of its own
	return u, true
}

func unixStateOf(flags, state uint64) uint8 {
	switch {
	case flags&unixAccepts != 0:
		return rawsock.Listen
	case state == unixConnected || state == unixConnecting:
		return rawsock.Established
	}
	return rawsock.Close
}
