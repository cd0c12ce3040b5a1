package inetdiag

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

const (
	typeDestroy = 21 // SOCK_DESTROY of linux/sock_diag.h, Linux 4.5
	flagAck     = 4  // NLM_F_ACK
)

// AppendClose appends a request to close the one socket that has the addresses, ports, family, protocol (TCP or UDP),
// interface and cookie of the record; a cookie of 0 stands for any. The socket's holder gets ECONNABORTED, the other end a
// reset. It needs CAP_NET_ADMIN in the user namespace that owns the network namespace. The answer is an empty one, or an
// [Error]: ENOENT (no such socket), EPERM, or EOPNOTSUPP, which a kernel without CONFIG_INET_DIAG_DESTROY gives for every
// socket, and an older one for those in TIME_WAIT.
func AppendClose(dst []byte, r *rawsock.Record) []byte {
	start := len(dst)
	dst = AppendLookup(dst, r)
	binary.NativeEndian.PutUint16(dst[start+4:], typeDestroy)
	binary.NativeEndian.PutUint16(dst[start+6:], flagRequest|flagAck)
	if r.Cookie != 0 {
		binary.NativeEndian.PutUint32(dst[len(dst)-8:], uint32(r.Cookie))
		binary.NativeEndian.PutUint32(dst[len(dst)-4:], uint32(r.Cookie>>32))
	}
	return dst
}
