package ifstat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// send sends datagrams. That nobody takes them is answered (ICMP), which a later send reports.
func send(t *testing.T, to string, count, size int) {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for sent, tries := 0, 0; sent < count; tries++ {
		if _, err = c.Write(make([]byte, size)); err == nil {
			sent++
		}
		if tries > 10*count {
			t.Fatal(err)
		}
	}
}

// frames sends Ethernet frames out of an interface.
func frames(t *testing.T, index uint32, count, size int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrLinklayer{Ifindex: int(index), Halen: 6}
	for range count {
		if err := unix.Sendto(fd, make([]byte, size), 0, to); err != nil {
			t.Fatal(err)
		}
	}
}

// One datagram passes a macvlan, a bridge and the bridge's port; one in a tunnel passes that, too. Others stay here: over
// lo, between the ends of a pair, into a dummy. The total is what left, once.
func TestTotalCountsOnce(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	pid := guest(t)
	cable(t, pid)
	ip(t, `link add br0 type bridge mcast_snooping 0
		link set v0 master br0
		link set br0 up
		link add mv0 link br0 address 02:00:00:00:00:03 type macvlan
		link set mv0 up
		addr add 192.0.2.1/24 dev mv0
		neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev mv0 nud permanent
		link add vx0 address 02:00:00:00:00:11 type vxlan id 7 remote 192.0.2.2 local 192.0.2.1 dstport 4789
		link set vx0 up
		addr add 198.51.100.1/24 dev vx0
		neigh add 198.51.100.2 lladdr 02:00:00:00:00:12 dev vx0 nud permanent
		link add a0 type veth peer name a1
		link set a0 up
		link set a1 up`)
	inGuest(t, pid, "ip addr add 192.0.2.2/24 dev v1")
	inGuest(t, pid, "ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:03 dev v1 nud permanent")
	dummy := try("ip", "link add d0 type dummy") == nil
	if dummy {
		ip(t, "link set d0 up\naddr add 203.0.113.1/24 dev d0\nneigh add 203.0.113.2 lladdr 02:00:00:00:00:22 dev d0 nud permanent")
	} else {
		t.Log("this kernel has no dummy")
	}
	tb := open(t, nil)
	works(t, tb, "v0", "br0", "mv0", "a0")
	var m Meter
	s := read(t, tb)
	m.Add(s)

	const n, size, udp, ip4, ether, vxlan = 200, 1000, 8, 20, 14, 8
	send(t, "192.0.2.2:9", n, size)
	send(t, "198.51.100.2:9", n, size)
	send(t, "127.0.0.1:9", n, size)
	frames(t, named(t, s, "a0").Index, n, size)
	if dummy {
		send(t, "203.0.113.2:9", n, size)
	}
	const plain = size + udp + ip4 + ether
	const tunnelled = plain + vxlan + udp + ip4 + ether
	moved := map[string]Reading{}
	next := read(t, tb)
	for _, r := range m.Add(next) {
		moved[r.Interface.Name] = r
	}
	tot := m.Total()
	if tot.Amount.TxBytes != n*(plain+tunnelled) || tot.Amount.TxPackets != 2*n {
		t.Errorf("%d bytes in %d packets were sent, expected %d in %d", tot.Amount.TxBytes, tot.Amount.TxPackets, n*(plain+tunnelled), 2*n)
	}
	if len(tot.Counted) != 1 || tot.Counted[0].Name != "v0" || tot.Amount != moved["v0"].Amount {
		t.Errorf("counted: %+v", tot.Counted)
	}
	for name, want := range map[string]struct {
		ex          Exclusion
		bytes, more uint64
	}{
		"v0":  {Counted, n * (plain + tunnelled), 0},
		"mv0": {OverLink, n * (plain + tunnelled), 0},
		"br0": {HasPorts, n * (plain + tunnelled), 0},
		"vx0": {IsTunnel, n * (plain - ether), n * ether}, // kernels differ in whether the inner header counts
		"lo":  {IsLoopback, n * plain, n * 600},           // and the answers that nobody is there
		"a0":  {PeerHere, n * size, 0},
		"a1":  {PeerHere, 0, 0},
	} {
		r := moved[name]
		if r.Excluded != want.ex {
			t.Errorf("%s: %v, expected %v", name, r.Excluded, want.ex)
		}
		if got := r.Amount.TxBytes; got < want.bytes || got > want.bytes+want.more {
			t.Errorf("%s sent %d bytes, expected %d to %d", name, got, want.bytes, want.bytes+want.more)
		}
	}
	if dummy && (moved["d0"].Excluded != GoesNowhere || moved["d0"].Amount.TxBytes != n*plain) {
		t.Errorf("d0: %+v", moved["d0"])
	}
}

// The host's side: what guests send to one another over its bridge leaves the machine nowhere, but there is nothing nearer
// to the border, so each packet is received once and sent once.
func TestForwardedCountsOnceEachWay(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	one, two := guest(t), guest(t)
	cable(t, one)
	ip(t, `link add w0 address 02:00:00:00:00:04 type veth peer name w1 address 02:00:00:00:00:05
		link set w1 netns `+two+`
		link set w0 up
		link add br0 type bridge mcast_snooping 0
		link set v0 master br0
		link set w0 master br0
		link set br0 up`)
	inGuest(t, two, "ip link set w1 up")
	inGuest(t, one, "ip addr add 192.0.2.2/24 dev v1")
	inGuest(t, two, "ip addr add 192.0.2.3/24 dev w1")
	inGuest(t, one, "ip neigh add 192.0.2.3 lladdr 02:00:00:00:00:05 dev v1 nud permanent")
	inGuest(t, two, "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:02 dev w1 nud permanent")
	tb := open(t, nil)
	works(t, tb, "v0", "w0", "br0")
	const n, size, frame = 200, 1000, 1000 + 8 + 20 + 14
	testutil.Eventually(t, 15*time.Second, func() error { // the bridge learns who is where
		asGuest(t, one, func() { send(t, "192.0.2.3:9", 1, size) })
		if named(t, read(t, tb), "v0").TxPackets == 0 {
			return errors.New("no answer")
		}
		return nil
	})
	var m Meter
	m.Add(quiet(t, tb))
	asGuest(t, one, func() { send(t, "192.0.2.3:9", n, size) })
	m.Add(quiet(t, tb))
	const answers = 50 * 600 // limited to a few a second
	a := m.Total().Amount
	if a.RxBytes < n*frame || a.RxBytes > n*frame+answers || a.RxBytes != a.TxBytes || a.RxPackets != a.TxPackets {
		t.Errorf("%+v, expected %d each way", a, n*frame)
	}
	if got := m.Total().Counted; len(got) != 2 {
		t.Errorf("%d interfaces count", len(got))
	}
}

// works waits until interfaces do, which they do a little after their carrier came.
func works(t *testing.T, tb *Table, names ...string) {
	t.Helper()
	testutil.Eventually(t, 15*time.Second, func() error {
		s := read(t, tb)
		for _, name := range names {
			if i := named(t, s, name); !i.Works() || i.State != Up {
				return fmt.Errorf("%s is %v", name, i.State)
			}
		}
		return nil
	})
}

// quiet reads when nothing moves and changes any more.
func quiet(t *testing.T, tb *Table) *Snapshot {
	t.Helper()
	for last := read(t, tb); ; {
		time.Sleep(100 * time.Millisecond)
		s := read(t, tb)
		if len(Diff(nil, last, s)) == 0 && slices.EqualFunc(s.Interfaces, last.Interfaces, func(a, b Interface) bool { return a.Counters == b.Counters }) {
			return s
		}
		last = s
	}
}

// asGuest calls f on a thread in the guest's namespace.
func asGuest(t *testing.T, pid string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocks it, so that it ends here
		fd, err := unix.Open("/proc/"+pid+"/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// A transfer of known size, metered while it runs: the amounts add up to what the counters moved, which is the payload that
// iperf3 tells plus at most the headers.
func TestAgainstIperf(t *testing.T) {
	if _, err := exec.LookPath("iperf3"); err != nil {
		t.Skip("iperf3 is not installed")
	}
	if !isolated(t, 0) {
		return
	}
	pid := guest(t)
	cable(t, pid)
	ip(t, "addr add 192.0.2.1/24 dev v0")
	inGuest(t, pid, "ip addr add 192.0.2.2/24 dev v1")
	server := exec.Command("nsenter", "-n", "-t", pid, "iperf3", "-s", "-1", "-i", "0")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer server.Wait()
	defer server.Process.Kill()
	tb := open(t, nil)
	var m Meter
	first := *named(t, read(t, tb), "v0")
	m.Add(read(t, tb))

	done := make(chan []byte, 1)
	go func() { done <- iperf("192.0.2.2") }()
	readings := 0
	var out []byte
	for out == nil {
		select {
		case out = <-done:
		case <-time.After(20 * time.Millisecond):
		}
		m.Add(read(t, tb))
		readings++
	}
	var report struct {
		End struct {
			Sent     struct{ Bytes uint64 } `json:"sum_sent"`
			Received struct{ Bytes uint64 } `json:"sum_received"`
		}
	}
	if err := json.Unmarshal(out, &report); err != nil || report.End.Sent.Bytes == 0 {
		t.Fatalf("%v: %s", err, out)
	}
	end := quiet(t, tb)
	last := *named(t, end, "v0")
	m.Add(end)
	sent, received, got := report.End.Sent.Bytes, report.End.Received.Bytes, m.Total().Sum.TxBytes
	t.Logf("iperf3 received %d of %d bytes, counted %d (%.2f %% more) in %d readings", received, sent, got, 100*(float64(got)/float64(received)-1), readings)
	if received < sent/2 || got < received || float64(got) > float64(received)*1.05+1<<18 {
		t.Errorf("%d bytes counted, iperf3 sent %d, received %d", got, sent, received)
	}
	if moved := last.TxBytes - first.TxBytes; got != moved {
		t.Errorf("the readings add up to %d, the counters moved by %d", got, moved)
	}
	if acks := m.Total().Sum.RxBytes; acks > sent/10 {
		t.Errorf("%d bytes received", acks)
	}
}

// iperf sends 100 MB and gives the report, or what went wrong. The server may not listen yet.
func iperf(to string) (out []byte) {
	for range 50 {
		var err error
		if out, err = exec.Command("iperf3", "-c", to, "-n", "100M", "-w", "128K", "-J").Output(); err == nil && !bytes.Contains(out, []byte(`"error"`)) {
			return out
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Appendf(out, "iperf3 failed")
}

// Every reading agrees with /proc/net/dev, while traffic passes: what is read between two looks at it lies between them.
func TestBetweenTwoLooks(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	route, text := open(t, &Config{Method: RTNetlink}), open(t, &Config{Method: ProcNetDev})
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for {
			select {
			case <-stop:
				return
			default:
				c.Write(make([]byte, 1000))
			}
		}
	}()
	testutil.Eventually(t, 15*time.Second, func() error {
		if named(t, read(t, text), "lo").RxBytes == 0 {
			return fmt.Errorf("no traffic")
		}
		return nil
	})
	for range 200 {
		a := named(t, read(t, text), "lo").RxBytes
		b := named(t, read(t, route), "lo").RxBytes
		c := named(t, read(t, text), "lo").RxBytes
		if a > b || b > c {
			t.Fatalf("%d, %d, %d", a, b, c)
		}
	}
	close(stop)
	<-ended
}
