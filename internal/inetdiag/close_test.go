package inetdiag

import (
	"encoding/binary"
	"errors"
	"syscall"
	"testing"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func TestAppendClose(t *testing.T) {
	r := rawsock.Record{Family: rawsock.AFInet, Proto: rawsock.ProtoTCP, Local: [16]byte{127, 0, 0, 1}, Remote: [16]byte{10, 0, 0, 9}, LocalPort: 80, RemotePort: 50000, Cookie: 0x1122334455667788}
	lookup := AppendLookup([]byte{1, 2, 3}, &r)
	b := AppendClose([]byte{1, 2, 3}, &r)[3:]
	if lookup = lookup[3:]; len(b) != len(lookup) || binary.NativeEndian.Uint32(b) != uint32(len(b)) {
		t.Fatalf("%d bytes, says %d", len(b), binary.NativeEndian.Uint32(b))
	}
	if typ, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:]); typ != 21 || flags != 5 { // SOCK_DESTROY, NLM_F_REQUEST|NLM_F_ACK
		t.Errorf("type %d, flags %#x", typ, flags)
	}
	id := b[sizeHeader+8:] // idiag_sport, as in a lookup
	if binary.BigEndian.Uint16(id) != 80 || binary.BigEndian.Uint16(id[2:]) != 50000 || cookie(id[40:]) != r.Cookie {
		t.Errorf("% x", id)
	}
	if string(b[sizeHeader:len(b)-8]) != string(lookup[sizeHeader:len(lookup)-8]) {
		t.Errorf("% x, a lookup % x", b, lookup)
	}
	r.Cookie = 0
	if b = AppendClose(nil, &r); binary.NativeEndian.Uint64(b[len(b)-8:]) != noCookie {
		t.Errorf("% x", b)
	}
}

// TestCloseAnswers: an acknowledgment is the end of an answer without rows.
func TestCloseAnswers(t *testing.T) {
	for _, errno := range []syscall.Errno{0, 1, 2, 95} { // EPERM, ENOENT, EOPNOTSUPP of Linux
		body := binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno)))
		var d Decoder
		done, _, err := d.Decode(msg(typeError, 0, append(body, make([]byte, 16)...)), func(*rawsock.Record) bool { t.Error("a row"); return true })
		if !done || (err == nil) != (errno == 0) || err != nil && !errors.Is(err, errno) {
			t.Errorf("%d: %v %v", errno, done, err)
		}
	}
}
