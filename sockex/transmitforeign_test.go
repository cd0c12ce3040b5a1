package sockex

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"testing"
	"time"
)

// The cases of other suites that the tests beside this one do not have, rewritten.

// TestLikeWine is what Wine's ws2_32 tests ask of TransmitFile, in their order, on one connection.
func TestLikeWine(t *testing.T) {
	senders(t, func(s *sender) {
		if s.port != nil && !onWine() {
			h, err := s.port.Socket("tcp4")
			s.must(err)
			defer h.Close()
			none := &end{handle: h}
			s.startFile(none, nil, &FileOptions{Flags: TF_REUSE_SOCKET | TF_DISCONNECT}).wants(0, ErrNotConnected)
			s.startFile(none, nil, nil).wants(0, ErrNotConnected)
		}
		all := text(219)
		f := s.file(all)
		head, tail := []byte("hello world"), []byte("goodbye!!!")
		e := s.pair()
		for _, c := range []struct {
			f    *os.File
			o    *FileOptions
			want []byte
		}{
			{nil, nil, nil},
			{nil, &FileOptions{Head: head, Tail: tail}, join(head, tail)},
			{f, nil, all},
			{f, &FileOptions{Head: head, Tail: tail}, join(head, all, tail)},
			{f, &FileOptions{Offset: 10}, all[10:]},
			{f, &FileOptions{Head: head, Tail: tail, Offset: 10}, join(head, all[10:], tail)},
		} {
			got := receive(e.peer, len(c.want))
			s.startFile(e, c.f, c.o).wants(int64(len(c.want)), nil)
			s.same(got, c.want)
			s.quiet(e)
		}
		if s.port != nil {
			udp, _ := s.udpEnds("udp4", true)
			s.startFile(udp, f, nil).wants(0, ErrSocketKind)
		}
	})
}

// TestLikeDotNet is what .NET's SendPacketsAsync and SendFile tests ask: elements of one file in any order and number, several
// handles of one file, whole files again and again; and the file's position is where it was.
func TestLikeDotNet(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(1024)
		one := s.file(all)
		two, err := os.Open(one.Name())
		s.must(err)
		defer two.Close()
		_, err = one.Seek(512, io.SeekStart)
		s.must(err)
		e := s.pair()
		for _, c := range []struct {
			name string
			of   []Element
			want []byte
		}{
			{"empty list", []Element{}, nil},
			{"empty buffers before a full one", []Element{Memory(all[4:4]), Memory(all[4:8]), Memory(nil)}, all[4:8]},
			{"stream from its begin", []Element{FilePart(one, 0, 0)}, all},
			{"count of its size", []Element{FilePart(one, 0, 1024)}, all},
			{"its last bytes", []Element{FilePart(one, 1004, 20)}, all[1004:]},
			{"parts in any order", []Element{FilePart(one, 0, 20), FilePart(one, 1014, 10), FilePart(one, 0, 10), FilePart(one, 10, 20), FilePart(one, 30, 10)},
				join(all[:20], all[1014:], all[:10], all[10:30], all[30:40])},
			{"two handles", []Element{Memory([]byte{11, 12, 13}), FilePart(one, 1014, 10), FilePart(two, 924, 10), Memory([]byte{14}), FilePart(two, 0, 10)},
				join([]byte{11, 12, 13}, all[1014:], all[924:934], []byte{14}, all[:10])},
			{"whole files", []Element{FilePart(one, 0, 0), FilePart(two, 0, 10), FilePart(one, 0, 0), FilePart(two, 0, 10)}, join(all, all[:10], all, all[:10])},
		} {
			for range 2 {
				got := receive(e.peer, len(c.want))
				s.startPackets(e, c.of, nil).wants(int64(len(c.want)), nil)
				s.same(got, c.want)
			}
			if at, _ := one.Seek(0, io.SeekCurrent); at != 512 {
				s.Errorf("%s: the file stands at %d", c.name, at)
			}
		}
		for _, bad := range []Element{FilePart(one, 11000, 1), FilePart(one, 5, 10000), FilePart(one, 1<<32+11000, 1)} {
			s.startPackets(e, []Element{bad}, nil).wants(0, ErrRange)
		}
	})
}

// TestLikeGo is what package net's tests ask of sendfile: a file of half a megabyte by its hash, three parts of three bytes,
// a pipe that stays usable with deadlines, and a deadline that has passed before anything was sent.
func TestLikeGo(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(567198)
		f := s.file(all)
		e := s.pair()
		got := receive(e.peer, len(all))
		s.startFile(e, f, nil).wants(int64(len(all)), nil)
		if a, b := sha256.Sum256(<-got), sha256.Sum256(all); a != b {
			s.Error("the hashes differ")
		}
		got = receive(e.peer, 9)
		for i := range int64(3) {
			s.startFile(e, f, &FileOptions{Offset: 3 * i, Count: 3}).wants(3, nil)
		}
		s.same(got, all[:9])

		r, w, err := os.Pipe()
		s.must(err)
		defer r.Close()
		defer w.Close()
		s.startFile(e, r, &FileOptions{Count: 1}).wants(0, ErrSource)
		if err := r.SetReadDeadline(time.Now().Add(time.Millisecond)); err == nil {
			if _, err := r.Read(make([]byte, 1)); !os.IsTimeout(err) {
				s.Errorf("the pipe was put into blocking mode: %v", err)
			}
		}
		if s.port != nil {
			return
		}
		s.must(e.conn.SetWriteDeadline(time.Now().Add(-time.Hour)))
		s.startFile(e, f, nil).wants(0, os.ErrDeadlineExceeded)
		s.startPackets(e, []Element{Memory(all)}, nil).wants(0, os.ErrDeadlineExceeded)
		s.quiet(e)
		s.must(e.conn.SetWriteDeadline(time.Time{}))
		got = receive(e.peer, 3)
		s.startFile(e, f, &FileOptions{Count: 3}).wants(3, nil)
		s.same(got, all[:3])
	})
}

// FuzzPackets sends what the fuzzer makes elements of, and compares it with what they say.
func FuzzPackets(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint16(0))
	f.Add([]byte{0, 255, 255, 1, 255, 128, 2, 0, 0, 3, 200, 200, 7, 9, 9}, uint16(1000))
	f.Add(bytes.Repeat([]byte{6, 40, 1}, 200), uint16(7))
	all := text(70000)
	name := f.TempDir() + "/file"
	if err := os.WriteFile(name, all, 0o600); err != nil {
		f.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		f.Fatal(err)
	}
	defer file.Close()
	f.Fuzz(func(t *testing.T, recipe []byte, size uint16) {
		s := &sender{T: t}
		e := s.pair()
		var of []Element
		var want []byte
		for ; len(recipe) >= 3; recipe = recipe[3:] {
			at, n := int(recipe[1])*200, int(recipe[2])*int(recipe[2])/4
			el := Memory(all[at : at+n])
			if recipe[0]&1 != 0 && n > 0 {
				el = FilePart(file, int64(at), int64(n))
			}
			if recipe[0]&2 != 0 {
				el = el.EndOfPacket()
			}
			of, want = append(of, el), append(want, all[at:at+n]...)
		}
		got := receive(e.peer, len(want))
		s.startPackets(e, of, &PacketOptions{SendSize: int(size)}).wants(int64(len(want)), nil)
		s.same(got, want)
	})
}
