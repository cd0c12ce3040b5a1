package view

import (
	"net/netip"
	"strconv"

	"github.com/sockeye-net/sockeye/netstat"
)

type (
	value      = func(*netstat.Socket) (uint64, bool)
	ownerValue = func(*netstat.Owner) (uint64, bool)
	textFunc   = func(n *Names, dst []byte, s *netstat.Socket) []byte
)

// plain writes a number.
func plain(get value) textFunc {
	return func(_ *Names, dst []byte, s *netstat.Socket) []byte {
		if v, ok := get(s); ok {
			return appendUint(dst, v)
		}
		return dst
	}
}

// digits are the pairs 00 to 99.
const digits = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// appendUint is strconv's for numbers that are short, as most are here.
func appendUint(dst []byte, v uint64) []byte {
	switch {
	case v < 10:
		return append(dst, '0'+byte(v))
	case v < 100:
		return append(dst, digits[2*v], digits[2*v+1])
	case v < 100_000:
		return appendFive(dst, uint32(v))
	}
	return strconv.AppendUint(dst, v, 10)
}

// appendFive writes three to five digits.
func appendFive(dst []byte, v uint32) []byte {
	low, high := v%100, v/100
	switch {
	case high < 10:
		return append(dst, '0'+byte(high), digits[2*low], digits[2*low+1])
	case high < 100:
		return append(dst, digits[2*high], digits[2*high+1], digits[2*low], digits[2*low+1])
	}
	top, mid := high/100, high%100
	return append(dst, '0'+byte(top), digits[2*mid], digits[2*mid+1], digits[2*low], digits[2*low+1])
}

func textProto(_ *Names, dst []byte, s *netstat.Socket) []byte {
	return append(dst, s.Proto.String()...)
}
func textState(_ *Names, dst []byte, s *netstat.Socket) []byte {
	return append(dst, s.State.String()...)
}

func textFamily(_ *Names, dst []byte, s *netstat.Socket) []byte {
	if f := familyOf(s); f != 0 {
		dst = append(dst, '0'+f)
	}
	return dst
}

func textType(_ *Names, dst []byte, s *netstat.Socket) []byte {
	if s.Type != 0 {
		dst = append(dst, s.Type.String()...)
	}
	return dst
}

func textLocalAddr(_ *Names, dst []byte, s *netstat.Socket) []byte {
	return appendAddr(dst, s.Local.Addr())
}

func textRemoteAddr(_ *Names, dst []byte, s *netstat.Socket) []byte {
	return appendAddr(dst, s.Remote.Addr())
}

func textPath(_ *Names, dst []byte, s *netstat.Socket) []byte { return appendClean(dst, s.Path) }

func textInterface(n *Names, dst []byte, s *netstat.Socket) []byte {
	return appendClean(dst, n.Interface(s))
}

func textUser(n *Names, dst []byte, s *netstat.Socket) []byte {
	return appendClean(dst, userOf(n, s))
}

// textLocal writes the address and port, or a Unix socket's path.
func textLocal(_ *Names, dst []byte, s *netstat.Socket) []byte {
	if s.Proto != netstat.Unix {
		return appendAddrPort(dst, s.Local)
	}
	if s.Path == "" {
		return append(dst, '*')
	}
	return appendClean(dst, s.Path)
}

// textRemote writes the address and port, or the inode of a Unix socket's other end.
func textRemote(_ *Names, dst []byte, s *netstat.Socket) []byte {
	if s.Proto != netstat.Unix {
		return appendAddrPort(dst, s.Remote)
	}
	if s.Peer == 0 {
		return append(dst, '*')
	}
	return appendUint(append(dst, '#'), s.Peer)
}

// textModule is the socket's, else its owners'.
func textModule(_ *Names, dst []byte, s *netstat.Socket) []byte { return appendClean(dst, moduleOf(s)) }

func moduleOf(s *netstat.Socket) string {
	if s.Module != "" {
		return s.Module
	}
	for i := range s.Owners {
		if p := s.Owners[i].Process; p != nil && p.Module != "" {
			return p.Module
		}
	}
	return ""
}

func textCongestion(_ *Names, dst []byte, s *netstat.Socket) []byte {
	text, _ := congestionOf(nil, s)
	return append(dst, text...)
}

// congestionOf is the state of congestion avoidance, where it is known.
func congestionOf(_ *Names, s *netstat.Socket) (string, bool) {
	return s.Info.Congestion.String(), s.Info.Congestion != netstat.CongestionUnknown
}

func textMissing(_ *Names, dst []byte, s *netstat.Socket) []byte {
	return append(dst, s.Missing.String()...)
}

// textOwners writes nginx[4242],nginx[4243]: each process once, however many descriptors of it refer to the socket, and
// why there is none or not all of them.
func textOwners(_ *Names, dst []byte, s *netstat.Socket) []byte {
	start := len(dst)
	for i := range s.Owners {
		p := s.Owners[i].Process
		if p == nil || ownedBefore(s.Owners[:i], p) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = append(appendClean(dst, p.Name), '[')
		dst = append(appendUint(dst, uint64(p.PID)), ']')
	}
	if s.Missing == netstat.NotMissing {
		return dst
	}
	if len(dst) > start {
		dst = append(dst, ',')
	}
	return append(append(append(dst, '('), s.Missing.String()...), ')')
}

func ownedBefore(owners []netstat.Owner, p *netstat.Process) bool {
	for i := range owners {
		if q := owners[i].Process; q == p || q != nil && q.PID == p.PID {
			return true
		}
	}
	return false
}

func textProcess(_ *Names, dst []byte, s *netstat.Socket) []byte {
	start := len(dst)
	for i := range s.Owners {
		p := s.Owners[i].Process
		if p == nil || ownedBefore(s.Owners[:i], p) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ',')
		}
		dst = appendClean(dst, p.Name)
	}
	return dst
}

// ownerList writes a number of each owner.
func ownerList(get ownerValue) textFunc {
	return func(_ *Names, dst []byte, s *netstat.Socket) []byte {
		start := len(dst)
		for i := range s.Owners {
			if v, ok := get(&s.Owners[i]); ok {
				if len(dst) > start {
					dst = append(dst, ',')
				}
				dst = appendUint(dst, v)
			}
		}
		return dst
	}
}

// appendAddrPort writes an address and port as people do: a port that is none is '*'.
func appendAddrPort(dst []byte, a netip.AddrPort) []byte {
	addr := a.Addr()
	switch {
	case addr.Is4():
		dst = appendIPv4(dst, addr.As4())
	case !a.IsValid():
		return dst
	default:
		dst = append(appendAddr(append(dst, '['), addr), ']')
	}
	if a.Port() == 0 {
		return append(dst, ":*"...)
	}
	return appendUint(append(dst, ':'), uint64(a.Port()))
}

func appendAddr(dst []byte, addr netip.Addr) []byte {
	switch {
	case addr.Is4():
		return appendIPv4(dst, addr.As4())
	case !addr.IsValid():
		return dst
	case addr.Zone() != "":
		return appendClean(dst, addr.String()) // the zone may be a name that anyone chose
	}
	return addr.AppendTo(dst)
}

func appendIPv4(dst []byte, ip [4]byte) []byte {
	dst = append(appendByte(dst, ip[0]), '.')
	dst = append(appendByte(dst, ip[1]), '.')
	dst = append(appendByte(dst, ip[2]), '.')
	return appendByte(dst, ip[3])
}

func appendByte(dst []byte, b byte) []byte {
	switch {
	case b < 10:
		return append(dst, '0'+b)
	case b < 100:
		return append(dst, digits[2*b], digits[2*b+1])
	}
	low := 2 * (b % 100)
	return append(dst, '0'+b/100, digits[low], digits[low+1])
}
