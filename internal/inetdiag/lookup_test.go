package inetdiag

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func TestLookupBytes(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes are those of a little-endian machine")
	}
	r := &rawsock.Record{Family: rawsock.AFInet, Proto: rawsock.ProtoTCP, LocalPort: 443, RemotePort: 0x1234, Interface: 7,
		Local: [16]byte{127, 0, 0, 1}, Remote: [16]byte{10, 1, 2, 3}}
	const want = "48000000" + "1400" + "0100" + "0000000000000000" + "02060000" + "fe3f0000" + "01bb1234" +
		"7f000001000000000000000000000000" + "0a010203000000000000000000000000" + "07000000" + "ffffffffffffffff"
	if got := hex.EncodeToString(AppendLookup([]byte("before"), r)[len("before"):]); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}
