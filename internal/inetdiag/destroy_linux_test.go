package inetdiag

import (
	"flag"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

var capture = flag.Bool("capture", false, "write the kernel's notices to testdata/destroy.bin")

// notices subscribes to the destroy groups, which any user may.
func notices(t *testing.T) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		t.Skipf("sock_diag is not available here: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	const groups = 1<<(GroupTCP-1) | 1<<(GroupUDP-1) | 1<<(GroupTCP6-1) | 1<<(GroupUDP6-1)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		t.Skipf("no destroy groups: %v", err)
	}
	tv := unix.Timeval{Sec: 5}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		t.Fatal(err)
	}
	return fd
}

// receive reads notices until the one of a local port and peer has come, and returns them all.
func receive(t *testing.T, fd int, local, remote uint16) (all []byte, found Destroyed) {
	t.Helper()
	var d DestroyDecoder
	buf := make([]byte, 32<<10)
	for late := time.Now().Add(5 * time.Second); time.Now().Before(late); {
		n, err := unix.Read(fd, buf)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, buf[:n]...)
		if err := d.Decode(buf[:n], func(s *Destroyed) {
			if s.LocalPort == local && s.RemotePort == remote {
				found = *s
			}
		}); err != nil {
			t.Fatal(err)
		}
		if found.Proto != 0 {
			return all, found
		}
	}
	t.Fatalf("no notice of %d to %d", local, remote)
	return nil, found
}

// exchange opens a connection, sends so many bytes each way, and closes both ends, the connecting one first.
func exchange(t *testing.T, network, addr string, up, down int) (client, server uint16) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Skipf("no %s here: %v", network, err)
	}
	defer l.Close()
	out, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = out.Write(make([]byte, up)) }()
	if _, err := io.ReadFull(in, make([]byte, up)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = in.Write(make([]byte, down)) }()
	if _, err := io.ReadFull(out, make([]byte, down)); err != nil {
		t.Fatal(err)
	}
	client, server = uint16(out.LocalAddr().(*net.TCPAddr).Port), uint16(l.Addr().(*net.TCPAddr).Port)
	out.Close()
	in.Close()
	return client, server
}

func TestDestroyed(t *testing.T) {
	var all []byte
	for network, addr := range map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"} {
		for _, c := range []struct{ up, down int }{{0, 0}, {1, 64 << 10}, {10 << 20, 3}} {
			fd := notices(t)
			client, server := exchange(t, network, addr, c.up, c.down)
			b, s := receive(t, fd, server, client)
			all = append(all, b...)
			if !s.HasInfo || s.Proto != rawsock.ProtoTCP || s.Cookie == 0 || s.State != rawsock.Close || s.RTT == 0 {
				t.Errorf("%+v", s)
			}
			// Of the peer's FIN received, one more (tcpi_bytes_received).
			if s.Received != uint64(c.up)+1 || s.HasPayload && s.PayloadSent != uint64(c.down) {
				t.Errorf("%s: received %d of %d, sent %d of %d", network, s.Received, c.up, s.PayloadSent, c.down)
			}
		}
	}
	fd := notices(t)
	local, remote := datagram(t)
	b, s := receive(t, fd, local, remote)
	if s.Proto != rawsock.ProtoUDP || s.Cookie == 0 || s.HasInfo || s.HasPayload {
		t.Errorf("%+v", s)
	}
	if *capture {
		if err := os.WriteFile("testdata/destroy.bin", append(all, b...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// datagram opens and closes a connected UDP socket.
func datagram(t *testing.T) (local, remote uint16) {
	t.Helper()
	c, err := net.Dial("udp4", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return uint16(c.LocalAddr().(*net.UDPAddr).Port), 9
}
