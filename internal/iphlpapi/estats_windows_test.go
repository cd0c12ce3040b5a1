package iphlpapi

import (
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// connection is a Connection of this process, and both of its ends.
func connection(t *testing.T, addr string) (c Connection, near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(addr, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	kind, af := miblayout.TCP4PID, IPv4
	if strings.Contains(addr, ":") {
		kind, af = miblayout.TCP6PID, IPv6
	}
	var b Buffer
	raw, err := b.TCP(af, TCPPIDConnections, false)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := miblayout.Parse(kind, raw)
	if err != nil {
		t.Fatal(err)
	}
	for i := range tab.Len() {
		if tab.Row(i).Local.String() == near.LocalAddr().String() {
			return ConnectionOf(kind, tab.Raw(i)), near, far
		}
	}
	t.Fatal("the connection is not listed")
	return
}

// TestEStats counts known bytes on a connection, as Administrator on Windows. Elsewhere it gets an error that says what is
// missing, not a panic.
func TestEStats(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1"} {
		c, near, far := connection(t, addr)
		e := new(EStats)
		_, _, getErr := e.Get(c, miblayout.EStatsData)
		err := e.Enable(c, miblayout.EStatsData, true)
		t.Logf("%s: get: %v; enable: %v", addr, getErr, err)
		var call *CallError
		if err != nil && !errors.As(err, &call) || getErr != nil && !errors.As(getErr, &call) {
			t.Errorf("%#v, %#v", getErr, err)
		}
		if errors.Is(err, windows.ERROR_ACCESS_DENIED) && !windows.GetCurrentProcessToken().IsElevated() {
			t.Skip("needs an Administrator")
		}
		if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil && err != nil {
			t.Skipf("Wine has no extended statistics: %v", err)
		}
		if err != nil || getErr != nil {
			t.Fatal(getErr, err)
		}
		go near.Write(make([]byte, 1000))
		if _, err := far.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		rod, on, err := e.Get(c, miblayout.EStatsData)
		if err != nil || !on {
			t.Fatalf("on is %v, %v", on, err)
		}
		if d, err := miblayout.DecodeTCPData(rod); err != nil || d.DataOut != 1000 {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// TestConnectionOf holds that a Connection is the same by every class of table, whatever stands behind the ports.
func TestConnectionOf(t *testing.T) {
	for _, kinds := range [][]miblayout.Kind{{miblayout.TCP4Basic, miblayout.TCP4PID, miblayout.TCP4Module}, {miblayout.TCP6Basic, miblayout.TCP6PID, miblayout.TCP6Module}} {
		var first Connection
		for i, k := range kinds {
			l, _ := k.Layout()
			row := make([]byte, l.Size)
			for j := range row {
				row[j] = 0xe0 + byte(i) // differs outside of what counts
			}
			size := 4
			if l.V6 {
				size = 20 // and the scope
			}
			fill(row[l.State:][:4], 5)
			fill(row[l.Local:][:size], 1)
			fill(row[l.LocalPort:][:2], 2)
			fill(row[l.Remote:][:size], 3)
			fill(row[l.RemotePort:][:2], 4)
			c := ConnectionOf(k, row)
			if i == 0 {
				first = c
			}
			if c != first || c.v6 != l.V6 || c == c.Ends() || c.Ends() != first.Ends() {
				t.Errorf("%v: %x, want %x", k, c.row, first.row)
			}
		}
		if first.v6 && first.row != [13]uint32{0x05050505, 0x01010101, 0x01010101, 0x01010101, 0x01010101, 0x01010101, 0x0202,
			0x03030303, 0x03030303, 0x03030303, 0x03030303, 0x03030303, 0x0404} ||
			!first.v6 && first.row != [13]uint32{0x05050505, 0x01010101, 0x0202, 0x03030303, 0x0404} {
			t.Errorf("%x", first.row)
		}
	}
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
