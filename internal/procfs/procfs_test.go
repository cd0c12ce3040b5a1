package procfs

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func line(r *rawsock.Record) string {
	n := 4
	if r.Family == rawsock.AFInet6 {
		n = 16
	}
	local, _ := netip.AddrFromSlice(r.Local[:n])
	remote, _ := netip.AddrFromSlice(r.Remote[:n])
	return fmt.Sprintf("%d %s %s %d/%d", r.State, netip.AddrPortFrom(local, r.LocalPort), netip.AddrPortFrom(remote, r.RemotePort), r.RecvQ, r.SendQ)
}

func TestDecodeInet(t *testing.T) {
	for _, c := range []struct {
		file  string
		proto uint16
		rows  int
		want  []string
	}{
		{"net_tcp", 6, 8, []string{"10 127.0.0.1:8080 0.0.0.0:0 2/0", "1 127.0.0.1:8080 127.0.0.1:34638 600/0"}},
		{"net_tcp6", 6, 4, []string{"10 [::1]:8081 [::]:0 0/0", "10 [::]:8082 [::]:0 0/0", "1 [::ffff:127.0.0.1]:8082 [::ffff:127.0.0.1]:44482 0/0"}},
		{"net_udp", 17, 2, []string{"7 127.0.0.1:5353 0.0.0.0:0 832/0", "1 127.0.0.1:5354 127.0.0.1:5353 0/0"}},
		{"net_udp6", 17, 1, []string{"7 [::1]:5355 [::]:0 0/0"}},
	} {
		var got []string
		inodes := 0
		err := DecodeInet(golden(t, c.file), c.proto, func(r *rawsock.Record) bool {
			got = append(got, line(r))
			if r.Inode != 0 {
				inodes++
			}
			return r.Proto == c.proto
		})
		if err != nil || len(got) != c.rows || inodes == 0 {
			t.Errorf("%s: %d rows, error %v", c.file, len(got), err)
		}
		for _, w := range c.want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: %q is missing from %q", c.file, w, got)
			}
		}
	}
}

func TestDecodeInetErrors(t *testing.T) {
	const good = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000  1000        0 101118 3"
	emit := func(r *rawsock.Record) bool { return true }
	if err := DecodeInet([]byte(good), 6, emit); err != nil {
		t.Fatal(err)
	}
	for old, bad := range map[string]string{
		"0100007F:1F90": "0100007F1F90", "0100007F": "0100007", "1F90": "11F90", "00000000:0000 ": "00000000000000000000000000000000:0000 ",
		" 0A": " 1FF", " 1000": " 4294967296", "101118": "x", "00000000:00000002": "0", "00000002": "FFFFFFFFF", " 0 101118 3": "",
	} {
		err := DecodeInet([]byte(strings.Replace(good, old, bad, 1)), 6, emit)
		var p *ParseError
		if !errors.As(err, &p) || !strings.Contains(err.Error(), "0:") {
			t.Errorf("%q for %q: error %v", bad, old, err)
		}
	}
}

func TestDecodeUnix(t *testing.T) {
	var got []string
	err := DecodeUnix(golden(t, "net_unix"), func(u *rawsock.Unix) bool {
		got = append(got, fmt.Sprintf("%d %d %v %q", u.Type, u.State, u.Inode != 0, u.Name))
		return true
	})
	want := []string{
		`2 7 true ""`, `1 1 true ""`, `1 1 false "/tmp/golden.sock"`, `1 10 true "/tmp/golden.sock"`, `5 1 true ""`, `5 1 true ""`,
		`1 10 true "@abstract@name"`,
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("error %v\n got %q\nwant %q", err, got, want)
	}
}

func TestDecodeUnixNames(t *testing.T) {
	const row = "00000000bc7c2a7c: 00000002 00000000 00010000 0001 01 77"
	for in, want := range map[string][]string{
		row:                                   {""},
		row + " /a b ":                        {"/a b "},
		row + " /a\nb\n" + row + "  /c":       {"/a\nb", " /c"},
		"Num       RefCount Protocol\n" + row: {""},
		"":                                    nil,
	} {
		var got []string
		if err := DecodeUnix([]byte(in), func(u *rawsock.Unix) bool { got = append(got, u.Name); return true }); err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: names %q", in, got)
		}
	}
	if err := DecodeUnix([]byte("nonsense\n"), nil); err == nil {
		t.Error("nonsense is a row")
	}
	n := 0
	if err := DecodeUnix(golden(t, "net_unix"), func(*rawsock.Unix) bool { n++; return n < 2 }); err != nil || n != 2 {
		t.Errorf("stopped after %d rows: %v", n, err)
	}
}

func TestSockstat(t *testing.T) {
	var s Sockstat
	for _, f := range []string{"net_sockstat", "net_sockstat6"} {
		if err := s.Parse(golden(t, f)); err != nil {
			t.Fatal(err)
		}
	}
	if want := (Sockstat{TCP: 8, TCP6: 3, UDP: 2, UDP6: 1, TimeWait: 1}); s != want {
		t.Errorf("got %+v, want %+v", s, want)
	}
	for _, bad := range []string{"TCP: inuse x\n", "TCP: inuse\n", "TCP\n", "UDP6: inuse 99999999999"} {
		if err := s.Parse([]byte(bad)); err == nil {
			t.Errorf("%q is parsed", bad)
		}
	}
}

const statTail = " S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2"

func TestParseStat(t *testing.T) {
	for in, want := range map[string]Stat{
		"42 (nginx)" + statTail:                                   {PID: 42, Comm: "nginx", PPID: 1, Start: 12345},
		"42 (a) S 9 (b c)" + statTail + "\n":                      {PID: 42, Comm: "a) S 9 (b c", PPID: 1, Start: 12345},
		"42 ())" + statTail:                                       {PID: 42, Comm: ")", PPID: 1, Start: 12345},
		"42 (a\nb)" + statTail:                                    {PID: 42, Comm: "a\nb", PPID: 1, Start: 12345},
		"42 ()" + statTail:                                        {PID: 42, PPID: 1, Start: 12345},
		"2 (k) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 6 0": {PID: 2, Comm: "k", Start: 6, Kernel: true},
	} {
		if got, err := ParseStat([]byte(in)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", in, got, err)
		}
	}
	for _, bad := range []string{"", "42", "(a)", "42 )a(", "x (a)" + statTail, "42 (a) S", "42 (a) S x 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345"} {
		if got, err := ParseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

func TestParseStatus(t *testing.T) {
	in := "Name:\tcat\nUmask:\t0022\nPid:\t77\nUid:\t1000\t0\t0\t0\nGid:\t1\t1\t1\t1\nNSpid:\t77\t1\nThreads:\t1\n"
	s, err := ParseStatus([]byte(in))
	if err != nil || s.UID != 1000 || s.EffectiveUID != 0 || !slices.Equal(s.NSPID, []int{77, 1}) {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "Name:\tUid\n", "Uid:\t1\n", "Uid:\t1\t4294967296\n", "Uid:\t1\t1\nNSpid:\tx\n"} {
		if s, err := ParseStatus([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}

func TestParseCmdline(t *testing.T) {
	for in, want := range map[string][]string{
		"":                                  nil,
		"\x00\x00":                          nil,
		"cat\x00":                           {"cat"},
		"cat":                               {"cat"},
		"a\x00\x00b\x00":                    {"a", "", "b"},
		"nginx: master process\x00\x00\x00": {"nginx: master process"},
	} {
		if got := ParseCmdline([]byte(in)); !slices.Equal(got, want) {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestParseBootTime(t *testing.T) {
	n, err := ParseBootTime([]byte("cpu  1 2 3\nintr 5 6\nctxt 9\nbtime 1700000000\nprocesses 12\n"))
	if err != nil || n != 1700000000 {
		t.Errorf("%d, %v", n, err)
	}
	for _, bad := range []string{"", "btime x\n", "btime 99999999999999999999\n", "xbtime 5\n"} {
		if n, err := ParseBootTime([]byte(bad)); err == nil {
			t.Errorf("%q: %d", bad, n)
		}
	}
}

func TestOwnProc(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the process ids in /proc are Linux's; under Wine it can be seen, and ours are others")
	}
	b, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseStat(b)
	if err != nil || s.PID != os.Getpid() || s.PPID != os.Getppid() || s.Start == 0 || s.Kernel {
		t.Errorf("%+v, %v", s, err)
	}
	b, err = os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := ParseStatus(b); err != nil || int(s.UID) != os.Getuid() || !slices.Contains(s.NSPID, os.Getpid()) {
		t.Errorf("%+v, %v", s, err)
	}
}

func FuzzDecodeInet(f *testing.F) {
	for _, name := range []string{"net_tcp", "net_tcp6", "net_udp", "net_udp6"} {
		f.Add(golden(f, name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = DecodeInet(b, 6, func(r *rawsock.Record) bool { return r.Family == 2 || r.Family == 10 || badRow(t, r) })
	})
}

func badRow(t *testing.T, r *rawsock.Record) bool {
	t.Errorf("row %+v", *r)
	return false
}

func FuzzDecodeUnix(f *testing.F) {
	f.Add(golden(f, "net_unix"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = DecodeUnix(b, func(u *rawsock.Unix) bool { return true })
	})
}

func FuzzProcess(f *testing.F) {
	f.Add([]byte("42 (nginx)" + statTail))
	f.Add([]byte("Uid:\t1000\t0\t0\t0\nNSpid:\t77\t1\n"))
	f.Add([]byte("12:pids:/x\n1:name=systemd:/docker/x\n0::/y (deleted)\n"))
	f.Add([]byte("btime 17\n"))
	f.Add(golden(f, "net_sockstat"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := ParseStat(b); err == nil && s.Comm == "" && !strings.Contains(string(b), "()") {
			t.Errorf("%q: %+v", b, s)
		}
		_, _ = ParseStatus(b)
		_, _ = ParseBootTime(b)
		_ = new(Sockstat).Parse(b)
		if c, err := ParseCgroup(b); err == nil {
			_ = c.Module()
		}
		ParseCmdline(b)
	})
}
