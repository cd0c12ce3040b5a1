package inetdiag

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// AppendLookup appends a request for the one socket that has the addresses, ports, family, protocol (below 256) and
// interface of the record. The answer is a row, or an [Error] for which errors.Is(err, syscall.ENOENT) holds. Where several
// sockets answer to that (SO_REUSEPORT), it is any of them.
func AppendLookup(dst []byte, r *rawsock.Record) []byte {
	start := len(dst)
	dst = appendHeader(dst, typeFamily)
	binary.NativeEndian.PutUint16(dst[start+6:], flagRequest)
	dst = append(dst, r.Family, byte(r.Proto), 0, 0)
	dst = binary.NativeEndian.AppendUint32(dst, AllStates)
	dst = binary.BigEndian.AppendUint16(dst, r.LocalPort)
	dst = binary.BigEndian.AppendUint16(dst, r.RemotePort)
	dst = append(append(dst, r.Local[:]...), r.Remote[:]...)
	dst = binary.NativeEndian.AppendUint32(dst, r.Interface)
	dst = binary.NativeEndian.AppendUint64(dst, noCookie)
	binary.NativeEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// noCookie is INET_DIAG_NOCOOKIE twice: whatever the cookie.
const noCookie = 1<<64 - 1
