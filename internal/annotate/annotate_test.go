package annotate

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func mark(dst []byte, _ netip.Addr) []byte { return append(dst, '~') }

func name(dst []byte, a netip.Addr) []byte { return a.AppendTo(append(dst, " <"...)) }

func annotated(t testing.TB, place Place, parts ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := New(&out, place)
	for _, p := range parts {
		if n, err := w.Write([]byte(p)); n != len(p) || err != nil {
			t.Fatalf("Write(%q) = %d, %v", p, n, err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// A ~ stands behind each thing that is an address.
var texts = []string{
	"", "1.2.3.4~", "255.255.255.255~ 0.0.0.0~\n", "a 1.2.3.4~, (5.6.7.8~); <9.9.9.9~>\"8.8.8.8~\"",
	"1.2.3.4:443~ 1.2.3.4:443~: refused", "1.2.3.4~: icmp_seq=1", "1.2.3.4~:123456", "1.2.3.4~:80:90", "1.2.3.4~:80x", "1.2.3.4:80~/tcp",
	"dial tcp 1.2.3.4:80~: connect: refused", "1.2.3.4~:80.5", "at 1.2.3.4:80~.",
	"1.2.3.4/24~ 10.0.0.0/8~,", "http://1.2.3.4/5~ http://1.2.3.4~/2024/01/ http://1.2.3.4:8080~/x", "1.2.3.4~/255.255.255.0", "1.2.3.4~/2555",
	"127.0.0.53%lo:53~ 0.0.0.0%eth0~", "?ip=1.2.3.4~%20x 1.2.3.4~%averyverylonginterface",
	"from 1.2.3.4~. And 1.2.3.4~... 1.2.3.4~-5.6.7.8~ 1.2.3.4~-9", "[1.2.3.4]~ ([1.2.3.4]:25~) [1.2.3.4~, 5.6.7.8~] [client 1.2.3.4:5~]",
	"src=1.2.3.4~ dst:5.6.7.8~ user@1.2.3.4~ outside:1.2.3.4~/55555",
	"1.2.3.4.5", "5.1.2.3.4.", "10.0.0.256", "256.0.0.1", "1.2.3", "1.2.3.", "1..2.3.4", "001.002.003.004", "1.2.3.04", "1234.1.1.1", "1.1.1.1234",
	"v1.2.3.4", "x1.2.3.4", "1.2.3.4x", "_1.2.3.4", "1.2.3.4_", "4.3.2.1.in-addr.arpa", ".1.2.3.4", "%1.2.3.4",
	"libfoo-1.2.3.4.tar", "ip-1.2.3.4", "1.2.3.4-rc1", "2024-1.2.3.4~",
	"Chrome/120.0.0.0 Safari/537.36", `Chrome\/120.0.0.0`, "localhost/127.0.0.1:8080~", "/1.2.3.4:80~", "outside/1.2.3.4~(5555)", "//1.2.3.4~", `http:\/\/1.2.3.4~`,
	`{"log":"1.2.3.4~\n5.6.7.8~\t::1~","addr":"1.2.3.4~"}`, "\x1b[1;35m1.2.3.4~\x1b[0m", "\x1b[35mfe80::1~\x1b[0m", "m1.2.3.4", "[35m1.2.3.4",
	"来自1.2.3.4~的", "\xff1.2.3.4~\x00::1~\x00", `\\1.2.3.4~\share`,

	"::1~", "::", "2001:db8::1~", "2001:DB8:0:0:8:800:200C:417A~", "1:2:3:4:5:6:7:8~", "1:2:3:4:5:6:7::~", "::2:3:4:5:6:7:8~", "2001:db8::~",
	"::ffff:1.2.3.4~", "64:ff9b::1.2.3.4~", "1:2:3:4:5:6:1.2.3.4~", "::ffff:1.2.3.4:443~", "[::ffff:1.2.3.4]:443~", "::ffff:10.0.0.256",
	"[2001:db8::1]:443~", "[fe80::1%eth0]:443~", "[fe80::1]%eth0:68~", "[2001:db8::]/32~", "[2001:db8::/32]:443~", "fe80::1%eth0~ fe80::1%12~", "fe80::1%eth0.7~.", "fe80::1/64~",
	"::1~:", "from ::1~: x", "at ::1~.", "at 2001:db8::1~...", "a ::1~,::2~", "inet6 addr:2001:db8::1~", "Added:2001:db8::1~", "addr:::1~", "1.2.3.4~:2001:db8::1~",
	"abc::def", "dead::beef", "std::vector", "a::b", "f::x1", "f64::add~", "x::1", "Foo::1a", "c10::Tensor",
	"12:34:56", "2026-11-21T14:50:00", "[21/Nov/2026:14:50:00 +0000]", "aa:bb:cc:dd:ee:ff", "00:11:22:33:44:55:66:77", "0:11:22:33:44:55:66:77~", "00:11:22:33:44:55:66:77:88",
	"1:2:3:4:5:6:7:8:9", "1::2::3", ":::", "1:::2", "12345::1", "2001:db8::1x", "2001:db8::g", "_::1", "::1_", "%::1", "fe80::1-rc", "rc-fe80::1", "::1.2.3.4.5", "::1.2.3",
	"2001:db8::1~:tcp", "2001:db8::~:", "1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:1.2.3.4~",
	strings.Repeat("1:", 40) + ":1", strings.Repeat("1.", 40), strings.Repeat("1:", 40) + "1.2.3.4~",
}

func TestTexts(t *testing.T) {
	for _, want := range texts {
		in := strings.ReplaceAll(want, "~", "")
		if got := annotated(t, mark, in); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if got := oracle(in, func(netip.Addr) string { return "~" }); got != want {
			t.Errorf("the oracle has %q\nwant %q", got, want)
		}
	}
}

// The address that is asked about is the one in the text.
func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"1.2.3.4:80":         "1.2.3.4",
		"127.0.0.53%lo:53":   "127.0.0.53",
		"[2001:DB8::8]:443":  "2001:db8::8",
		"fe80::1%eth0":       "fe80::1",
		"::ffff:1.2.3.4":     "::ffff:1.2.3.4",
		"1:2:3:4:5:6:7:8":    "1:2:3:4:5:6:7:8",
		"1::5:6:7:8":         "1::5:6:7:8",
		"::7:8":              "::7:8",
		"1:2::":              "1:2::",
		"2001:db8::10.1.2.3": "2001:db8::a01:203",
	} {
		if got := annotated(t, name, in); got != in+" <"+want {
			t.Errorf("%q becomes %q, want %s", in, got, want)
		}
	}
}

// fragments are what texts are made of that come near the rules.
var fragments = []string{"1", "25", "255", "256", "0", "01", ".", ".", ".", ".", ":", ":", "::", "fe80", "2001:db8::", "dead", "ffff", "aB",
	" ", " ", "\n", "x", "_", "-", "/", "[", "]", "%", "%eth0", "%averyverylongname", "(", "\\", "\\n", "\x1b[35m", "\x1b[", "m", "来", "\xff", "\x00", ",",
	"1.2.3.4", "10.0.0.1", "1.2.3.4", "::1", "2001:db8::1", ":443", "/24", "[::1]", "Chrome/", "http://", "00:11:22:33:", strings.Repeat("a:", 20), strings.Repeat("1.", 20)}

func compose(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteString(fragments[int(c)%len(fragments)])
	}
	return s.String()
}

// check compares with the oracle, divides the text in every way that two parts or single bytes do, and takes the
// additions away again.
func check(t testing.TB, in string) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			t.Fatalf("%q: %v", in, r)
		}
	}()
	whole := annotated(t, name, in)
	if want := oracle(in, func(a netip.Addr) string { return " <" + a.String() }); whole != want {
		t.Fatalf("%q\ngot  %q\nwant %q", in, whole, want)
	}
	for i := range in {
		if got := annotated(t, name, in[:i], in[i:]); got != whole {
			t.Fatalf("divided at %q, %q\ngot  %q\nwant %q", in[:i], in[i:], got, whole)
		}
	}
	if got := annotated(t, name, strings.Split(in, "")...); got != whole {
		t.Fatalf("by single characters %q\ngot  %q\nwant %q", in, got, whole)
	}
	const marker = "\x00<added>"
	with := annotated(t, func(dst []byte, _ netip.Addr) []byte { return append(dst, marker...) }, in)
	if got := strings.ReplaceAll(with, marker, ""); got != strings.ReplaceAll(in, marker, "") {
		t.Fatalf("without additions %q is %q", in, got)
	}
	if got := annotated(t, func(dst []byte, _ netip.Addr) []byte { return dst }, in); got != in {
		t.Fatalf("with nothing added %q is %q", in, got)
	}
}

func TestOracle(t *testing.T) {
	all := strings.Join(texts, " ")
	check(t, strings.ReplaceAll(all[:1000], "~", ""))
	r := rand.New(rand.NewPCG(1, 2))
	n := 1500
	if testing.Short() {
		n = 300
	}
	for range n {
		b := make([]byte, 1+r.IntN(14))
		for i := range b {
			b[i] = byte(r.IntN(len(fragments)))
		}
		check(t, compose(b))
	}
}

func FuzzAnnotate(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(strings.ReplaceAll(s, "~", "")), []byte{40, 10, 3})
	}
	f.Fuzz(func(t *testing.T, raw, parts []byte) {
		check(t, string(raw[:min(len(raw), 200)]))
		check(t, compose(parts[:min(len(parts), 20)]))
	})
}

// A text of some megabytes passes whole, wherever the Reads end.
func TestLongText(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var in strings.Builder
	for in.Len() < 3<<20 {
		b := make([]byte, 100)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		in.WriteString(compose(b))
		in.Write(b)
	}
	want := annotated(t, mark, in.String())
	for what, from := range map[string]io.Reader{
		"whole": strings.NewReader(in.String()), "halves": iotest.HalfReader(strings.NewReader(in.String())),
		"with the end": iotest.DataErrReader(strings.NewReader(in.String())), "odd": &oddReader{strings.NewReader(in.String()), r},
	} {
		var out bytes.Buffer
		w := New(&out, mark)
		n, err := w.ReadFrom(from)
		if err = errors.Join(err, w.Close()); n != int64(in.Len()) || err != nil || out.String() != want {
			t.Errorf("%s: %d bytes in, %d out, want %d and %d: %v", what, n, out.Len(), in.Len(), len(want), err)
		}
	}
	if len(want) < in.Len()+1000 {
		t.Errorf("only %d addresses were found", len(want)-in.Len())
	}
}

type oddReader struct {
	io.Reader
	r *rand.Rand
}

func (o *oddReader) Read(p []byte) (int, error) {
	return o.Reader.Read(p[:1+o.r.IntN(min(len(p), 3000))])
}

// What is read is passed on at once, but for what may belong to an address.
func TestPause(t *testing.T) {
	testutil.CheckLeaks(t)
	from, feed := pipe(t)
	to, out := pipe(t)
	done := make(chan error)
	go func() {
		w := New(out, mark)
		_, err := w.ReadFrom(from)
		done <- errors.Join(err, w.Close(), out.Close())
	}()
	for _, step := range [][2]string{
		{"GET / HTTP/1.1 from 1.2.3.4\n", "GET / HTTP/1.1 from 1.2.3.4~\n"},
		{"Password:", "Password:"}, {" ", " "}, {"1.2.3.4", "1.2.3.4"}, {"5", "5"}, {".", ""}, {"\n", "~.\n"},
		{"2001:db8::1", "2001:db8::1"}, {"2:", "2"}, {"\n", "~:\n"}, {"[::1]:44", "[::1"}, {"3\n", "]:443~\n"}, {"::1", "::1"},
	} {
		if _, err := feed.WriteString(step[0]); err != nil {
			t.Fatal(err)
		}
		if step[1] != "" {
			expect(t, to, step[1])
		}
	}
	if err := feed.Close(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(to)
	if err = errors.Join(err, <-done); string(rest) != "~" || err != nil {
		t.Errorf("at the end %q, %v", rest, err)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}

// expect reads what was added to the output; not to come to it is a failure by the test's own time limit.
func expect(t *testing.T, r io.Reader, want string) {
	t.Helper()
	b := make([]byte, len(want)+100)
	for n := 0; n < len(want); {
		k, err := r.Read(b[n:])
		n += k
		if err != nil || !strings.HasPrefix(want, string(b[:n])) {
			t.Fatalf("got %q, want %q: %v", b[:n], want, err)
		}
	}
}

// Not more waits than what is said.
func TestWaiting(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	most := 0
	for range 20000 {
		b := make([]byte, 1+r.IntN(12))
		for i := range b {
			b[i] = byte(r.IntN(len(fragments)))
		}
		var out bytes.Buffer
		w := New(&out, func(dst []byte, _ netip.Addr) []byte { return dst })
		in := compose(b)
		if _, err := w.Write([]byte(in)); err != nil {
			t.Fatal(err)
		}
		if waits := len(in) - out.Len(); waits > longest {
			t.Fatalf("of %q, %d bytes wait", in, waits)
		} else if strings.HasSuffix(in, "\n") && waits > 0 {
			t.Fatalf("of %q, %d bytes wait, and it ends with its line", in, waits)
		} else {
			most = max(most, waits)
		}
	}
	if most == 0 {
		t.Error("nothing ever waited")
	}
}

func TestErrors(t *testing.T) {
	full := errors.New("full")
	w := New(failing{full}, mark)
	if n, err := w.Write([]byte("x")); n != 1 || !errors.Is(err, full) {
		t.Errorf("Write = %d, %v", n, err)
	}
	if n, err := w.Write([]byte("x")); n != 0 || !errors.Is(err, full) {
		t.Errorf("Write after it = %d, %v", n, err)
	}
	if n, err := New(failing{full}, mark).ReadFrom(strings.NewReader("1.2.3.4\n")); n != 8 || !errors.Is(err, full) {
		t.Errorf("ReadFrom = %d, %v", n, err)
	}
	if err := w.Close(); !errors.Is(err, full) {
		t.Errorf("Close = %v", err)
	}
	if _, err := w.Write(nil); w.Close() != nil || !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	var out bytes.Buffer
	w = New(&out, mark)
	if n, err := w.ReadFrom(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("1.2")))); n != 1 || !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("ReadFrom one that fails = %d, %v", n, err)
	}
	if _, err := w.ReadFrom(idle{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("ReadFrom one that brings nothing: %v", err)
	}
	if n, err := w.ReadFrom(strings.NewReader(".2.3.4")); n != 6 || err != nil || w.Close() != nil || out.String() != "1.2.3.4~" {
		t.Errorf("then %d, %v, %q", n, err, &out)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// An address is asked about once; many addresses, and long texts, are asked about again.
func TestRemembered(t *testing.T) {
	asked := map[netip.Addr]int{}
	long := strings.Repeat("x", longText+1)
	w := New(io.Discard, func(dst []byte, a netip.Addr) []byte {
		asked[a]++
		if a.Is6() {
			return append(dst, long...)
		}
		return dst
	})
	if _, err := io.WriteString(w, strings.Repeat("1.2.3.4 ::ffff:1.2.3.4\n", 10)); err != nil {
		t.Fatal(err)
	}
	if a, b := asked[netip.MustParseAddr("1.2.3.4")], asked[netip.MustParseAddr("::ffff:1.2.3.4")]; a != 1 || b != 10 {
		t.Errorf("asked %d and %d times", a, b)
	}
	used := map[uint64]bool{}
	for i := range 1000 {
		used[index(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))%maxSlots] = true
	}
	if len(used) < 950 {
		t.Errorf("1000 addresses of a network have %d slots", len(used))
	}
}

// TestRepeated: a few thousand addresses that come again and again do not push each other out.
func TestRepeated(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for _, n := range []int{100, 1000, 5000} {
		all, asked := make([]string, n), 0
		for i := range all {
			v := r.Uint32()
			all[i] = netip.AddrFrom4([4]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}).String() + "\n"
		}
		w := New(io.Discard, func(dst []byte, _ netip.Addr) []byte { asked++; return dst })
		for range 100 * n {
			if _, err := io.WriteString(w, all[r.IntN(n)]); err != nil {
				t.Fatal(err)
			}
		}
		if asked > 10*n {
			t.Errorf("%d addresses were asked about %d times, in %d lines", n, asked, 100*n)
		}
	}
}

// However many addresses there are, each has its own text, and only so many are remembered.
func TestManyAddresses(t *testing.T) {
	var in, want strings.Builder
	for i := range 3 * maxSlots {
		a := netip.AddrFrom4([4]byte{byte(1 + i>>16), byte(i >> 8), byte(i), byte(i * 7)})
		if i%5 == 0 {
			a = netip.MustParseAddr("1.2.3.4")
		}
		fmt.Fprintf(&in, "%v\n", a)
		fmt.Fprintf(&want, "%v <%v\n", a, a)
	}
	var out bytes.Buffer
	w := New(&out, name)
	for range 2 {
		if _, err := io.WriteString(w, in.String()); err != nil {
			t.Fatal(err)
		}
	}
	if w.Close() != nil || out.String() != strings.Repeat(want.String(), 2) {
		t.Error("an address has the text of another one")
	}
	if n := len(w.cache.slots); n != maxSlots {
		t.Errorf("%d slots, want %d", n, maxSlots)
	}
}

// Nothing is allocated for an address, remembered or not.
func TestAllocations(t *testing.T) {
	w := New(io.Discard, mark)
	line, n := []byte("1.2.3.4 - - [21/Nov/2026:14:50:00 +0000] \"GET / HTTP/1.1\" 2001:db8::1\n"), byte(0)
	for range 3 {
		w.Write(line)
	}
	if a := testing.AllocsPerRun(1000, func() { w.Write(line) }); a != 0 {
		t.Errorf("%v allocations for addresses that repeat", a)
	}
	for range 256 {
		n++
		line[6] = '0' + n%10
		w.Write(line)
	}
	if a := testing.AllocsPerRun(1000, func() { n++; line[6] = '0' + n%10; w.Write(line) }); a != 0 {
		t.Errorf("%v allocations for addresses that change", a)
	}
}

// worst are texts that come near to an address at every byte.
func worst(size int) map[string][]byte {
	all := map[string][]byte{}
	for _, s := range []string{".", ":", "1.", "1:", "1.2.3.", "::", "a:b", "1:.", "%", "1.2.3.4%", "[", "::1.", "255.255.255.25 ", "1.2.3.4:", "-1.2.3.4",
		"\x1b[11111111111111111m", "1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1:1 ", "::1%aaaaaaaaaaaaaaaa", "0", "ab:cd:"} {
		all[s] = bytes.Repeat([]byte(s), size/len(s))
	}
	return all
}

// The time is in proportion to the length. With a search to the bounds of a word or of the buffer at each byte these would
// take minutes.
func TestLinear(t *testing.T) {
	const size = 4 << 20
	for s, in := range worst(size) {
		begin := time.Now()
		if _, err := New(io.Discard, mark).Write(in); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%d MiB of %q took %v", size>>20, s, took)
		}
	}
}
