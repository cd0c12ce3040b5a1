package netlink

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/rtlink"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

var capture = flag.Bool("capture", false, "write the kernel's answers to inetdiag/testdata")

// recorder keeps the batches of a dump.
type recorder struct {
	Reader
	batches [][]byte
}

func (r *recorder) Batch(b []byte) (done, interrupted bool, err error) {
	r.batches = append(r.batches, bytes.Clone(b))
	return r.Reader.Batch(b)
}

// TestCapture is how the golden files were made: go test ./internal/netlink -run Capture -capture
func TestCapture(t *testing.T) {
	if !*capture {
		t.Skip("only with -capture")
	}
	c := open(t)
	for name, req := range map[string]inetdiag.Request{
		"tcp-both":  {Proto: rawsock.ProtoTCP, Info: true},
		"udp4":      {Proto: rawsock.ProtoUDP, Family: rawsock.AFInet},
		"udp6":      {Proto: rawsock.ProtoUDP, Family: rawsock.AFInet6},
		"bad-proto": {Proto: 255, Family: rawsock.AFInet},
	} {
		msg, err := req.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, c, name, msg, &recorder{Reader: &inetdiag.Rows{Proto: req.Proto}})
	}
	write(t, c, "unix", new(inetdiag.UnixRequest).Append(nil), &recorder{Reader: new(inetdiag.UnixRows)})
}

// TestCaptureRoute makes the golden files of package rtlink: go test ./internal/netlink -run CaptureRoute -capture
func TestCaptureRoute(t *testing.T) {
	if !*capture {
		t.Skip("only with -capture")
	}
	testutil.InNewNetNS(t, func() {
		n := subscribe(t, Route, 1<<20, GroupLink, GroupAddr4, GroupAddr6)
		for _, line := range strings.Split(`link add br0 type bridge
			link add p0 type veth peer name p1
			link set p0 master br0
			link set br0 up
			link set p0 up
			link set p1 up
			link set p1 alias uplink
			link set p1 mtu 1400
			addr add 192.0.2.1/24 dev p1
			addr add 198.51.100.1 peer 198.51.100.2/32 dev p1
			addr add 2001:db8::1/64 dev p1
			link add mv0 link p1 type macvlan
			link add vx0 type vxlan id 7 dstport 4789 dev p1
			link add q0 type veth peer name q1
			link set q1 netns `+strconv.Itoa(elsewhere(t))+`
			tuntap add tap0 mode tap
			link add gone0 type ifb
			link del gone0`, "\n") {
			testutil.Command(t, "ip", strings.Fields(line)...)
		}
		var notices [][]byte
		if _, err := n.Receive(func(b []byte) error { notices = append(notices, bytes.Clone(b)); return nil }); err != nil {
			t.Fatal(err)
		}
		save(t, "rtlink", "notices", bytes.Join(notices, nil))
		c, err := OpenRoute()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for name, req := range map[string][]byte{
			"links": rtlink.AppendLinkRequest(nil), "addrs": rtlink.AppendAddrRequest(nil), "stats": rtlink.AppendStatsRequest(nil),
		} {
			r := &recorder{Reader: new(nobody)}
			if err := c.Dump(req, r); err != nil {
				t.Error(name, err)
			}
			save(t, "rtlink", name, bytes.Join(r.batches, nil))
		}
	})
}

// elsewhere is a process in a network namespace of its own.
func elsewhere(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

// nobody is not interested in what a dump of rtnetlink says, but for its end.
type nobody struct{ rtlink.Decoder }

func (*nobody) Begin()                               {}
func (*nobody) Retry()                               {}
func (*nobody) Link(*rtlink.Link)                    {}
func (*nobody) Addr(*rtlink.Addr)                    {}
func (*nobody) Stats(uint32, *rtlink.Stats)          {}
func (n *nobody) Batch(b []byte) (bool, bool, error) { return n.Decode(b, n) }

func save(t *testing.T, dir, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("..", dir, "testdata", name+".bin"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, c *Conn, name string, msg []byte, r *recorder) {
	t.Helper()
	if err := c.Dump(msg, r); err != nil {
		t.Log(name, err)
	}
	save(t, "inetdiag", name, bytes.Join(r.batches, nil))
}
