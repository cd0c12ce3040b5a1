package sockex

import (
	"io"
	"net"
	"testing"
)

// TestNative has the system's TransmitFile send, also on a client edition, in rounds that are shorter than those of large
// files.
func TestNative(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(300000)
		head, tail := []byte("head"), []byte("tail")
		for _, c := range []struct {
			o    FileOptions
			most int64
		}{
			{o: FileOptions{}},
			{o: FileOptions{Head: head, Tail: tail}},
			{o: FileOptions{Head: head, Tail: tail, Offset: 1000, Count: 5}},
			{o: FileOptions{Head: head, Tail: tail}, most: 65536},
			{o: FileOptions{Head: text(5000), Tail: text(6000), Offset: 7}, most: 4096},
			{o: FileOptions{Head: head, Tail: tail, ChunkSize: 1000, Flags: TF_USE_KERNEL_APC}},
		} {
			f := s.file(all)
			_, err := f.Seek(5, io.SeekStart)
			s.must(err)
			part := all[c.o.Offset:]
			if c.o.Count > 0 {
				part = part[:c.o.Count]
			}
			want := join(c.o.Head, part, c.o.Tail)
			e := s.pair()
			got := receive(e.peer, len(want))
			n, err := s.natively(e, NewTransmitFile(e.handle, f, &c.o), c.most)
			if n != int64(len(want)) || err != nil {
				s.Errorf("%d bytes of %d, %v", n, len(want), err)
			}
			s.same(got, want)
			if at, _ := f.Seek(0, io.SeekCurrent); at != 5 {
				s.Errorf("the file stands at %d", at)
			}
		}
	})
}

func (s *sender) natively(e *end, x *Transmission, most int64) (int64, error) {
	x.t.sys.native, x.t.sys.most = true, most
	if s.port != nil {
		return s.submit(x).wait()
	}
	t := newTransfer("TransmitFile")
	t.sys.native, t.sys.most = true, most
	if err := t.setFile(x.f, &x.fileOpts); err != nil {
		return 0, err
	}
	err := t.natively(s.Context(), e.conn.(*net.TCPConn))
	return t.sent, err
}
