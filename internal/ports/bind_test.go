package ports

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

// port is that of an address.
func portOf(a net.Addr) uint16 { return netip.MustParseAddrPort(a.String()).Port() }

// TestTry runs on every system.
func TestTry(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type taken struct {
		bind Bind
		port uint16
	}
	lo := netip.MustParseAddr("127.0.0.1")
	all := map[string]taken{"tcp": {Bind{Proto: netstat.TCP, Addr: lo}, portOf(l.Addr())}}
	if c, err := net.ListenPacket("udp4", "127.0.0.1:0"); err == nil { // Go's are not to be had under Wine
		defer c.Close()
		all["udp"] = taken{Bind{Proto: netstat.UDP, Addr: lo}, portOf(c.LocalAddr())}
	}
	for name, b := range all {
		err := b.bind.Try(b.port)
		if trouble := TroubleOf(err); trouble != InUse && (trouble != NotPermitted || !excludes) {
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			t.Errorf("%s: %v %v", name, trouble, err)
		}
	}
	far := Bind{Proto: netstat.TCP, Addr: netip.MustParseAddr("192.0.2.1")}
	if err := far.Try(9000); TroubleOf(err) != NoAddress {
		t.Errorf("%v", err)
	}
	l.Close()
	if err := (Bind{Proto: netstat.TCP, Addr: lo}).Try(portOf(l.Addr())); err != nil {
		t.Error(err)
	}
	if TroubleOf(errors.New("x")) != Other || TroubleOf(nil) != 0 {
		t.Error("troubles of others")
	}
}
