package netlink

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// TestLookup asks for both ends of a connection and for one that is not there, and then for a dump, on one socket.
func TestLookup(t *testing.T) {
	c := open(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	port, server := uint16(out.LocalAddr().(*net.TCPAddr).Port), uint16(l.Addr().(*net.TCPAddr).Port)
	lo := [16]byte{127, 0, 0, 1}
	end := rawsock.Record{Family: rawsock.AFInet, Proto: rawsock.ProtoTCP, Local: lo, Remote: lo, LocalPort: port, RemotePort: server}
	far, none := end, end
	far.LocalPort, far.RemotePort = server, port
	none.RemotePort = 1
	reqs := inetdiag.AppendLookup(inetdiag.AppendLookup(inetdiag.AppendLookup(nil, &end), &none), &far)
	for range 3 {
		var ports []uint16
		missing := 0
		d := inetdiag.Decoder{Proto: rawsock.ProtoTCP}
		err := c.Lookup(reqs, func(answer []byte) error {
			_, _, err := d.Decode(answer, func(r *rawsock.Record) bool {
				if r.Cookie == 0 || r.State != rawsock.Established {
					t.Errorf("%+v", r)
				}
				ports = append(ports, r.LocalPort)
				return true
			})
			if errors.Is(err, unix.ENOENT) {
				missing++
				return nil
			}
			return err
		})
		if err != nil || missing != 1 || len(ports) != 2 || ports[0] != port || ports[1] != server {
			t.Errorf("ports %v, %d missing, error %v", ports, missing, err)
		}
		if find(dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP}), server, rawsock.Listen) == nil {
			t.Error("a dump after it has no listener")
		}
	}
	stop := errors.New("stop")
	if err := c.Lookup(reqs, func([]byte) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
	if find(dump(t, c, inetdiag.Request{Proto: rawsock.ProtoTCP}), server, rawsock.Listen) == nil {
		t.Error("a dump after one that was left has no listener")
	}
	c.Close()
	if err := c.Lookup(reqs, nil); !errors.Is(err, unix.EBADF) {
		t.Errorf("error %v", err)
	}
}
