package netlink

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

var capture = flag.Bool("capture", false, "write the kernel's answers to inetdiag/testdata")

// recorder keeps the batches of a dump.
type recorder struct {
	Reader
	batches [][]byte
}

func (r *recorder) Batch(b []byte) (done, interrupted bool, err error) {
	r.batches = append(r.batches, bytes.Clone(b))
	return r.Reader.Batch(b)
}

// TestCapture is how the golden files were made: go test ./internal/netlink -run Capture -capture
func TestCapture(t *testing.T) {
	if !*capture {
		t.Skip("only with -capture")
	}
	c := open(t)
	for name, req := range map[string]inetdiag.Request{
		"tcp-both":  {Proto: rawsock.ProtoTCP, Info: true},
		"udp4":      {Proto: rawsock.ProtoUDP, Family: rawsock.AFInet},
		"udp6":      {Proto: rawsock.ProtoUDP, Family: rawsock.AFInet6},
		"bad-proto": {Proto: 255, Family: rawsock.AFInet},
	} {
		msg, err := req.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		write(t, c, name, msg, &recorder{Reader: &inetdiag.Rows{Proto: req.Proto}})
	}
	write(t, c, "unix", new(inetdiag.UnixRequest).Append(nil), &recorder{Reader: new(inetdiag.UnixRows)})
}

func write(t *testing.T, c *Conn, name string, msg []byte, r *recorder) {
	t.Helper()
	if err := c.Dump(msg, r); err != nil {
		t.Log(name, err)
	}
	file := filepath.Join("..", "inetdiag", "testdata", name+".bin")
	if err := os.WriteFile(file, bytes.Join(r.batches, nil), 0o644); err != nil {
		t.Fatal(err)
	}
}
