package procfs

import (
	"errors"
	"os"
	"strings"
	"testing"
)

const netDevHeading = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`

func netDevs(t *testing.T, text string) (list []NetDev, err error) {
	t.Helper()
	err = DecodeNetDev([]byte(text), func(d *NetDev) { list = append(list, *d) })
	return list, err
}

func TestNetDev(t *testing.T) {
	list, err := netDevs(t, netDevHeading+
		"    lo: 1136017248 3297783    0    0    0     0          0         0 1136017249 3297784    0    0    0     0       0          0\n"+
		"  eth0:18446744073709551615 24408 3 4 5 6 7 8 1582196   17961    11    12    13     14       15          16\n"+
		"veth12345678901:  1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"+
		"a:b: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")
	if err != nil || len(list) != 4 {
		t.Fatalf("%+v, %v", list, err)
	}
	if d := list[0]; string(d.Name) != "lo" || d.RxBytes != 1136017248 || d.TxBytes != 1136017249 || d.TxPackets != 3297784 {
		t.Errorf("%+v", d)
	}
	want := NetDev{RxBytes: 1<<64 - 1, RxPackets: 24408, RxErrors: 3, RxDropped: 4, TxBytes: 1582196, TxPackets: 17961, TxErrors: 11, TxDropped: 12}
	got := list[1]
	if string(got.Name) != "eth0" {
		t.Errorf("name %q", got.Name)
	}
	got.Name = nil
	if got.RxBytes != want.RxBytes || got.RxPackets != want.RxPackets || got.RxErrors != want.RxErrors || got.RxDropped != want.RxDropped ||
		got.TxBytes != want.TxBytes || got.TxPackets != want.TxPackets || got.TxErrors != want.TxErrors || got.TxDropped != want.TxDropped {
		t.Errorf("%+v", got)
	}
	if string(list[2].Name) != "veth12345678901" || string(list[3].Name) != "a:b" {
		t.Errorf("%q, %q", list[2].Name, list[3].Name)
	}
}

func TestNetDevBroken(t *testing.T) {
	for _, line := range []string{
		"eth0 1 2 3", "eth0: 1 2 3", ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", "eth0: x 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
		"eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", "eth0: -1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
		"eth0: 18446744073709551616 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
	} {
		var parse *ParseError
		if _, err := netDevs(t, netDevHeading+line+"\n"); !errors.As(err, &parse) || !strings.Contains(parse.Text, line) {
			t.Errorf("%q: error %v", line, err)
		}
	}
}

func TestNetDevNoAllocation(t *testing.T) {
	b := []byte(netDevHeading + "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")
	n := 0
	emit := func(*NetDev) { n++ }
	if a := testing.AllocsPerRun(20, func() { _ = DecodeNetDev(b, emit) }); a > 1 || n == 0 {
		t.Errorf("%v allocations, %d interfaces", a, n)
	}
}

func FuzzDecodeNetDev(f *testing.F) {
	if b, err := os.ReadFile("/proc/net/dev"); err == nil {
		f.Add(b)
	}
	f.Add([]byte(netDevHeading))
	f.Add([]byte("eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := DecodeNetDev(b, func(d *NetDev) {
			if len(d.Name) == 0 {
				t.Error("no name")
			}
		})
		var parse *ParseError
		if err != nil && !errors.As(err, &parse) {
			t.Errorf("error %v", err)
		}
	})
}
