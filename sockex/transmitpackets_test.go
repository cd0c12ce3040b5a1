package sockex

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestPacketsStream sends elements of all kinds on a stream.
func TestPacketsStream(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(200000)
		f, g := s.file(all), s.file([]byte("another file"))
		_, err := f.Seek(199990, io.SeekStart)
		s.must(err)
		for _, c := range []struct {
			name string
			of   []Element
			size int
			want []byte
		}{
			{"nothing", nil, 0, nil},
			{"memory", []Element{Memory([]byte("abc"))}, 0, []byte("abc")},
			{"kinds by what is set", []Element{{Buffer: []byte("abc")}, {File: g}}, 0, []byte("abcanother file")},
			{"empty ones", []Element{{}, Memory(nil), Memory([]byte("a")), Memory([]byte{}), Memory([]byte("b")).EndOfPacket(), {Flags: TP_ELEMENT_EOP}}, 0, []byte("ab")},
			{"whole file", []Element{FilePart(g, 0, 0)}, 0, []byte("another file")},
			{"rest of the file", []Element{FilePart(g, 8, 0)}, 0, []byte("file")},
			{"parts", []Element{FilePart(f, 10, 20), FilePart(f, 30, 10), FilePart(f, 0, 10)}, 0, join(all[10:40], all[:10])},
			{"where it stands", []Element{FilePart(f, Current, 0), FilePart(f, Current, 4)}, 0, join(all[199990:], all[199990:199994])},
			{"mixed", []Element{Memory([]byte("head")), FilePart(f, 0, 0), Memory([]byte("mid")).EndOfPacket(), FilePart(g, 0, 3), FilePart(f, 7, 50000), Memory([]byte("tail"))}, 0,
				join([]byte("head"), all, []byte("mid"), []byte("ano"), all[7:50007], []byte("tail"))},
			{"cut", []Element{Memory([]byte("head")), FilePart(f, 0, 0), FilePart(g, 0, 0)}, 1000, join([]byte("head"), all, []byte("another file"))},
			{"no limit", []Element{Memory([]byte("head")), FilePart(g, 0, 0)}, 1<<31 - 1, []byte("headanother file")},
		} {
			s.Run(c.name, func(t *testing.T) {
				s := &sender{T: t, port: s.port}
				e := s.pair()
				got := receive(e.peer, len(c.want))
				s.startPackets(e, c.of, &PacketOptions{SendSize: c.size}).wants(int64(len(c.want)), nil)
				s.same(got, c.want)
				s.quiet(e)
			})
		}
		if at, err := f.Seek(0, io.SeekCurrent); at != 199990 || err != nil {
			s.Errorf("the file stands at %d, %v", at, err)
		}
	})
}

// TestGather sends many small blocks and parts of files, more than one call takes.
func TestGather(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(1 << 20)
		f := s.file(all)
		var of []Element
		var want []byte
		for i := range 3000 {
			m := text(256)
			at, n := int64(i*7919%(1<<20-5000)), int64(i%5000)
			of = append(of, Memory(m))
			want = append(want, m...)
			if n > 0 {
				of = append(of, FilePart(f, at, n))
				want = append(want, all[at:at+n]...)
			}
		}
		e := s.pair()
		got := receive(e.peer, len(want))
		s.startPackets(e, of, nil).wants(int64(len(want)), nil)
		s.same(got, want)
	})
}

// TestPacketsRefused has what is wrong found before a byte goes.
func TestPacketsRefused(t *testing.T) {
	senders(t, func(s *sender) {
		e := s.pair()
		f := s.file(text(100))
		dir, err := os.Open(s.TempDir())
		s.must(err)
		defer dir.Close()
		for _, c := range []struct {
			bad  Element
			want error
		}{
			{Element{Flags: TP_ELEMENT_MEMORY | TP_ELEMENT_FILE, Buffer: []byte("x")}, ErrElement},
			{Element{Buffer: []byte("x"), File: f}, ErrElement},
			{Element{Flags: TP_ELEMENT_FILE, Buffer: []byte("x")}, ErrElement},
			{Element{Flags: TP_ELEMENT_MEMORY, File: f}, ErrElement},
			{Element{Flags: 8, Buffer: []byte("x")}, ErrElement},
			{Element{Buffer: []byte("x"), Length: 1}, ErrElement},
			{FilePart(f, 101, 0), ErrRange},
			{FilePart(f, 60, 41), ErrRange},
			{FilePart(f, -2, 1), ErrRange},
			{FilePart(f, 0, -1), ErrRange},
			{FilePart(dir, 0, 0), ErrSource},
		} {
			s.startPackets(e, []Element{Memory([]byte("never")), c.bad}, nil).wants(0, c.want)
		}
		for _, flags := range []Flags{TF_WRITE_BEHIND, 0x100, TP_REUSE_SOCKET} {
			s.startPackets(e, []Element{Memory([]byte("never"))}, &PacketOptions{Flags: flags}).wants(0, ErrFlags)
		}
		s.startPackets(e, nil, &PacketOptions{SendSize: -1}).wants(0, ErrRange)
		s.quiet(e)
	})
}

// datagramCases are what goes and comes as datagrams.
func datagramCases(f *os.File, all []byte) map[string]struct {
	of   []Element
	size int
	want [][]byte
} {
	type c = struct {
		of   []Element
		size int
		want [][]byte
	}
	equal, mixed, rising := c{}, c{}, c{}
	for i := range 300 {
		equal.of = append(equal.of, Memory(all[i:i+100]).EndOfPacket())
		equal.want = append(equal.want, all[i:i+100])
		n := 1 + i*37%1400
		mixed.of = append(mixed.of, Memory(all[:n]), FilePart(f, int64(i), 50).EndOfPacket())
		mixed.want = append(mixed.want, join(all[:n], all[i:i+50]))
		rising.of = append(rising.of, Memory(all[:i+1]).EndOfPacket())
		rising.want = append(rising.want, all[:i+1])
	}
	cut := c{of: []Element{FilePart(f, 0, 100000), Memory([]byte("behind"))}, size: 1200}
	for rest := join(all[:100000], []byte("behind")); len(rest) > 0; {
		n := min(1200, len(rest))
		cut.want, rest = append(cut.want, rest[:n]), rest[n:]
	}
	return map[string]c{
		"one":              {of: []Element{Memory([]byte("abc"))}, want: [][]byte{[]byte("abc")}},
		"joined":           {of: []Element{Memory([]byte("abc")), FilePart(f, 0, 5000), Memory([]byte("def"))}, want: [][]byte{join([]byte("abc"), all[:5000], []byte("def"))}},
		"two":              {of: []Element{Memory([]byte("abc")).EndOfPacket(), Memory([]byte("de"))}, want: [][]byte{[]byte("abc"), []byte("de")}},
		"empty ones":       {of: []Element{{Flags: TP_ELEMENT_EOP}, Memory([]byte("abc")), Memory(nil).EndOfPacket(), Memory([]byte("d")).EndOfPacket()}, want: [][]byte{[]byte("abc"), []byte("d")}},
		"equal":            equal,
		"mixed":            mixed,
		"rising":           rising,
		"cut":              cut,
		"cut within ends":  {of: []Element{Memory(all[:250]).EndOfPacket(), Memory(all[:100])}, size: 100, want: [][]byte{all[:100], all[100:200], all[200:250], all[:100]}},
		"largest":          {of: []Element{Memory(all[:65507]).EndOfPacket(), FilePart(f, 0, 65507)}, want: [][]byte{all[:65507], all[:65507]}},
		"very many, equal": many(all, veryMany(), 30),
		"halves of 65,507": {of: []Element{Memory(all[:40000]).EndOfPacket(), Memory(all[:40000]).EndOfPacket(), Memory(all[:1]).EndOfPacket()}, want: [][]byte{all[:40000], all[:40000], all[:1]}},
	}
}

// veryMany is more datagrams than one call takes. Wine takes 10 ms for each.
func veryMany() int {
	if onWine() {
		return 100
	}
	return 2000
}

func many(all []byte, n, size int) (c struct {
	of   []Element
	size int
	want [][]byte
}) {
	for range n {
		c.of = append(c.of, Memory(all[:size]).EndOfPacket())
		c.want = append(c.want, all[:size])
	}
	return c
}

func TestDatagrams(t *testing.T) {
	senders(t, func(s *sender) {
		s.needUDP()
		all := text(200000)
		f := s.file(all)
		for name, c := range datagramCases(f, all) {
			s.Run(name, func(t *testing.T) {
				s := &sender{T: t, port: s.port}
				for _, connected := range []bool{true, false} {
					e, to := s.udpEnds("udp4", connected)
					o := &PacketOptions{SendSize: c.size}
					if !connected {
						o.To = to.addr
					}
					total := 0
					for _, w := range c.want {
						total += len(w)
					}
					s.startPackets(e, c.of, o).wants(int64(total), nil)
					for i, w := range c.want {
						if got := s.datagram(to, deadline); !bytes.Equal(got, w) {
							s.Fatalf("datagram %d is of %d bytes, want %d, or differs", i, len(got), len(w))
						}
					}
				}
			})
		}
	})
}

// TestDatagramSizes refuses what is too long before any goes.
func TestDatagramSizes(t *testing.T) {
	senders(t, func(s *sender) {
		s.needUDP()
		all := text(70000)
		f := s.file(all)
		for _, c := range []struct {
			network string
			n       int
			want    error
		}{{"udp4", 65508, ErrMessageSize}, {"udp6", 65528, ErrMessageSize}, {"udp6", 65527, nil}, {"udp4", 65507, nil}} {
			e, to := s.udpEnds(c.network, true)
			sent := int64(0)
			if c.want == nil {
				sent = int64(c.n) + 5
			}
			s.startPackets(e, []Element{Memory([]byte("first")).EndOfPacket(), FilePart(f, 0, int64(c.n)-10), Memory(all[:10])}, nil).wants(sent, c.want)
			if c.want == nil {
				if a, b := s.datagram(to, deadline), s.datagram(to, deadline); len(a) != 5 || len(b) != c.n {
					s.Errorf("%d and %d bytes", len(a), len(b))
				}
				continue
			}
			if b := s.datagram(to, 20*time.Millisecond); b != nil {
				s.Errorf("the first datagram went, with %d bytes", len(b))
			}
			s.startPackets(e, []Element{FilePart(f, 0, 0)}, &PacketOptions{SendSize: 60000}).wants(70000, nil)
		}
	})
}

func TestDatagramsRefused(t *testing.T) {
	senders(t, func(s *sender) {
		s.needUDP()
		e, _ := s.udpEnds("udp4", true)
		s.startPackets(e, []Element{Memory([]byte("x"))}, &PacketOptions{Flags: TP_DISCONNECT}).wants(0, ErrFlags)
		e, _ = s.udpEnds("udp4", false)
		s.startPackets(e, []Element{Memory([]byte("x"))}, nil).wants(0, ErrNotConnected)
		s.startPackets(e, []Element{Memory([]byte("x"))}, &PacketOptions{To: netip.MustParseAddrPort("[2001:db8::1]:9")}).wants(0, ErrAddrFamily)
	})
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := TransmitPackets(t.Context(), a, nil, nil); !errors.Is(err, ErrSocketKind) {
		t.Error(err)
	}
}

// TestDatagramsNobody sends to a port where nobody listens: the second transmission learns of it.
func TestDatagramsNobody(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there a sender is not told, since a receive would fail (SIO_UDP_CONNRESET)")
	}
	senders(t, func(s *sender) {
		s.needUDP()
		e, to := s.udpEnds("udp4", true)
		s.closeInbox(to)
		s.startPackets(e, []Element{Memory([]byte("x"))}, nil).wants(1, nil)
		s.startPackets(e, []Element{Memory([]byte("x"))}, nil).wants(0, ErrRefused)
		s.startPackets(e, []Element{Memory([]byte("x"))}, nil).wants(1, nil)
	})
}

// needUDP skips where Go's UDP does not work: Wine.
func (s *sender) needUDP() {
	s.Helper()
	if runtime.GOOS != "windows" || s.port != nil {
		return
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		s.Skip("no UDP of package net here: ", err)
	}
	_ = c.Close()
}
