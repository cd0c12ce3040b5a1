package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// located is what the test looks at of a socket or an event.
type located struct {
	LocalAddr  string `json:"local_addr"`
	RemoteAddr string `json:"remote_addr"`
	State      string
	Event      string
	Geo        struct{ Country, ISO, Region, City, ISP, Special, Via, Source string }
}

// locatedBy runs a command of this machine that writes JSON lines.
func locatedBy(t *testing.T, ctx context.Context, line string, code int) (all []located) {
	t.Helper()
	var out, says bytes.Buffer
	e := System()
	e.Stdout, e.Stderr, e.Terminal = &out, &says, false
	if got := e.Run(ctx, strings.Fields(line)); got != code {
		t.Fatalf("sockeye %s: exit %d, want %d: %s", line, got, code, says.String())
	}
	for row := range strings.Lines(out.String()) {
		var l located
		if err := json.Unmarshal([]byte(row), &l); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		all = append(all, l)
	}
	return all
}

// connect makes a connection from one address to a listener at another, and returns where that listens.
func connect(t *testing.T, network, from, to string) net.Addr {
	t.Helper()
	l, err := net.Listen(network, net.JoinHostPort(to, "0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	dialTo(t, from, l.Addr().(*net.TCPAddr).Port, to)
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return l.Addr()
}

func dialTo(t *testing.T, from string, port int, to string) {
	t.Helper()
	if to == "::" {
		to = from
	}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", (&net.TCPAddr{IP: net.ParseIP(to), Port: port}).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
}

// TestGeoOfRealSockets: connections between addresses of two countries, in a namespace in which they are ours.
func TestGeoOfRealSockets(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.NeedTool(t, "ip")
	for _, a := range []string{"1.2.3.4/32", "93.184.216.34/32", "10.1.1.1/32"} {
		testutil.Command(t, "ip", "addr", "add", a, "dev", "lo")
	}
	connect(t, "tcp", "93.184.216.34", "1.2.3.4")
	connect(t, "tcp", "127.0.0.1", "127.0.0.1")
	connect(t, "tcp", "1.2.3.4", "::") // is ::ffff:1.2.3.4 at the accepted end
	connect(t, "tcp", "10.1.1.1", "10.1.1.1")
	list, ctx := " --jsonl --db "+placesDB(t)+" ", context.Background()
	for expr, want := range map[string][]string{
		"country = CN": {"1.2.3.4", "1.2.3.4", "::ffff:1.2.3.4"},
		"country = us": {"93.184.216.34"},
		"city = 杭州 isp = 电信 and family = 6":               {"::ffff:1.2.3.4"},
		"special = private":                               {"10.1.1.1", "10.1.1.1"},
		"state established country != CN special !~ Loop": {"10.1.1.1", "10.1.1.1", "93.184.216.34"},
	} {
		var got []string
		for _, s := range locatedBy(t, ctx, "list -t --geo"+list+expr, exitFound) {
			got = append(got, s.RemoteAddr)
			switch g := s.Geo; {
			case strings.HasSuffix(s.RemoteAddr, "1.2.3.4"):
				if mapped := strings.HasPrefix(s.RemoteAddr, ":"); g.ISO != "CN" || g.City != "杭州" || g.Source != "qqwry" || (g.Via == "mapped") != mapped {
					t.Errorf("%+v", s)
				}
			case g.ISO != "US" && g.Special != "Private-Use":
				t.Errorf("%+v", s)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("%s finds %q, want %q", expr, got, want)
		}
	}
	locatedBy(t, ctx, "list -t"+list+"country = FR", exitNotFound)
	locatedBy(t, ctx, "list -l"+list+"country = CN", exitNotFound)
	watchReal(t, list)
}

// watchReal makes connections until the watcher tells of one to the country that is wanted.
func watchReal(t *testing.T, flags string) {
	t.Helper()
	china, usa := listening(t, "1.2.3.4"), listening(t, "93.184.216.34")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := make(chan []located, 1)
	go func() {
		done <- locatedBy(t, ctx, "watch --geo --count 2 --no-links"+flags+"country = CN and event = opened and dport = "+china, exitFound)
	}()
	for {
		select {
		case events := <-done:
			if len(events) != 2 {
				t.Fatalf("%+v", events)
			}
			for _, e := range events {
				if e.Event != "opened" || e.RemoteAddr != "1.2.3.4" || e.Geo.ISO != "CN" || e.Geo.City != "杭州" {
					t.Errorf("%+v", e)
				}
			}
			return
		case <-time.After(50 * time.Millisecond):
			for _, at := range []string{"93.184.216.34:" + usa, "1.2.3.4:" + china} {
				if c, err := net.Dial("tcp", at); err == nil {
					t.Cleanup(func() { c.Close() })
				}
			}
		}
	}
}

// listening accepts and closes, and returns the port.
func listening(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
