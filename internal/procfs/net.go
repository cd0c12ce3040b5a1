package procfs

import (
	"bytes"
	"encoding/binary"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// Fields of a line of /proc/net/tcp and its like, counted from 0 (Documentation/networking/proc_net_tcp.rst).
const (
	netLocal  = 1
	netRemote = 2
	netState  = 3
	netQueues = 4
	netUID    = 7
	netInode  = 9
	netFields = 10
)

// DecodeInet calls emit for every line of /proc/net/tcp, tcp6, udp or udp6 until it returns false. b is the whole text, or
// any whole lines of it, the header or not. The record is used again for the next line. Cookie, interface, cgroup, network
// namespace, TCP information and the limit of a listener's queue are not told there, and bound sockets are not listed.
//
// The error, for a line that cannot be understood, is a [ParseError]; the lines before it were emitted.
func DecodeInet(b []byte, proto uint16, emit func(*rawsock.Record) bool) error {
	var r rawsock.Record
	for len(b) > 0 {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		if line = bytes.TrimSpace(line); len(line) == 0 || bytes.HasPrefix(line, []byte("sl ")) {
			continue
		}
		r = rawsock.Record{Proto: proto}
		if !parseInet(line, &r) {
			return parseError("socket line", line)
		}
		if !emit(&r) {
			return nil
		}
	}
	return nil
}

func parseInet(line []byte, r *rawsock.Record) bool {
	var f [netFields][]byte
	if _, ok := fields(line, f[:]); !ok {
		return false
	}
	state, ok1 := hexadecimal(f[netState])
	uid, ok2 := decimal(f[netUID])
	inode, ok3 := decimal(f[netInode])
	if !ok1 || !ok2 || !ok3 || state > 255 || uid>>32 != 0 || inode>>32 != 0 {
		return false
	}
	r.State, r.UID, r.Inode = uint8(state), uint32(uid), uint32(inode)
	n1, ok1 := parseAddrPort(f[netLocal], &r.Local, &r.LocalPort)
	n2, ok2 := parseAddrPort(f[netRemote], &r.Remote, &r.RemotePort)
	r.Family = rawsock.AFInet
	if n1 == 16 {
		r.Family = rawsock.AFInet6
	}
	return ok1 && ok2 && n1 == n2 && parseQueues(f[netQueues], r)
}

// fields cuts the first fields off a line; ok reports whether there are as many.
func fields(line []byte, f [][]byte) (rest []byte, ok bool) {
	for i := range f {
		line = bytes.TrimLeft(line, " ")
		end := bytes.IndexByte(line, ' ')
		if end < 0 {
			end = len(line)
		}
		if f[i] = line[:end]; end == 0 {
			return nil, false
		}
		line = line[end:]
	}
	return line, true
}

// parseAddrPort parses ADDRESS:PORT. The kernel prints an address as words of 32 bits, each read from memory in host
// order, so writing them back in host order gives the bytes in network order. n is the address's length in bytes.
func parseAddrPort(b []byte, addr *[16]byte, port *uint16) (n int, ok bool) {
	word, rest, found := bytes.Cut(b, []byte{':'})
	p, ok := hexadecimal(rest)
	if !found || !ok || p>>16 != 0 || len(word) != 8 && len(word) != 32 {
		return 0, false
	}
	*port = uint16(p)
	for ; len(word) > 0; word = word[8:] {
		v, ok := hexadecimal(word[:8])
		if !ok {
			return 0, false
		}
		binary.NativeEndian.PutUint32(addr[n:], uint32(v))
		n += 4
	}
	return n, true
}

// parseQueues parses SENT:RECEIVED. Of a listener only the second is in use.
func parseQueues(b []byte, r *rawsock.Record) bool {
	tx, rx, found := bytes.Cut(b, []byte{':'})
	s, ok1 := hexadecimal(tx)
	q, ok2 := hexadecimal(rx)
	r.SendQ, r.RecvQ = uint32(s), uint32(q)
	return found && ok1 && ok2 && s>>32 == 0 && q>>32 == 0
}
