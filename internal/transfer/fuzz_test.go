package transfer

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzFrames: what is taken for a frame must be written again as the same bytes, and no length is believed beyond its kind's.
func FuzzFrames(f *testing.F) {
	o := Offer{Name: "dir/a b", Size: 42, Mode: 0o640, Time: time.Unix(1e9, 5)}
	f.Add(o.put(nil))
	f.Add((&Offer{Name: "d", Dir: true}).put(nil))
	f.Add(held{77, true}.put(nil))
	f.Add(putBegin(nil, 1<<40))
	f.Add(putHash(nil, proof, sha256.Sum256(nil)))
	f.Add(verdict{Refused, "why"}.put(nil))
	f.Add(putAbort(nil, "why"))
	f.Add(head{data, maxData}.put(nil))
	f.Add(head{kind: still}.put(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHead(b)
		if err != nil {
			return
		}
		if h.size > maxFrame && h.kind != data || h.size > maxData {
			t.Fatalf("a frame %d of %d bytes", h.kind, h.size)
		}
		if !bytes.Equal(h.put(nil), b[:headSize]) {
			t.Fatalf("% x becomes % x", b[:headSize], h.put(nil))
		}
		body := b[headSize:]
		if uint64(len(body)) < uint64(h.size) {
			return
		}
		body = body[:h.size]
		var again []byte
		switch h.kind {
		case offer:
			o, err := parseOffer(body)
			if err != nil {
				return
			}
			again = o.put(nil)
			if _, err := os.Stat(o.Name); checkName(o.Name, false) == nil && (filepath.IsAbs(o.Name) || strings.Contains("/"+o.Name+"/", "/../") || err != nil && strings.Contains(err.Error(), "invalid")) {
				t.Fatalf("the name %q passes", o.Name)
			}
			if p := partName(o.Name); checkName(o.Name, false) == nil && (checkName(p, false) == nil || len(filepath.Base(p)) > maxElement) {
				t.Fatalf("%q is kept as %q", o.Name, p)
			}
		case answer:
			a, err := parseHeld(body)
			if err != nil {
				return
			}
			again = a.put(nil)
		case result:
			v, err := parseVerdict(body)
			if err != nil {
				return
			}
			again = v.put(nil)
		case abort:
			again = putAbort(nil, string(body))
		default:
			return
		}
		if !bytes.Equal(again, b[:headSize+int(h.size)]) {
			t.Fatalf("% x becomes % x", b[:headSize+int(h.size)], again)
		}
	})
}

// FuzzReceiver: whatever a sender says, the receiver ends, and writes nothing outside of its folder.
func FuzzReceiver(f *testing.F) {
	f.Add(small("a", []byte("content")))
	f.Add(small("../a", []byte("content")))
	f.Add(append((&Offer{Name: "b", Size: 1 << 20}).put(nil), putBegin(nil, 0)...))
	f.Add((&Offer{Name: "d/e", Dir: true}).put(nil))
	f.Add(append(small("a/b", nil), head{kind: bye}.put(nil)...))
	f.Add(append(append((&Offer{Name: "b", Size: 1 << 20}).put(nil), putBegin(nil, 0)...), append(head{data, 5}.put(nil), "hello"...)...))
	top := f.TempDir()
	dir := filepath.Join(top, "dir")
	if err := os.Mkdir(dir, 0o755); err != nil {
		f.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { root.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Skip(err)
		}
		defer a.Close()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s := &server{cfg: &ServeConfig{Plain: true}, folder: root, names: make(map[string]chan struct{})}
		ended := make(chan struct{})
		go func() { defer close(ended); s.serve(t.Context(), c.(*net.TCPConn)) }()
		_, _ = a.Write(append(greeting(true), b...))
		_ = a.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, a)
		<-ended
		if len(s.names) > 0 {
			t.Errorf("names are left: %v", s.names)
		}
		entries, err := os.ReadDir(top)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%v, %v", entries, err)
		}
	})
}
