package geofetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// database is a QQWry.dat with n ranges; a seed makes another one of about the same length.
func database(n int, seed uint64) []byte { return testdb.QQWry(testdb.Rows4(n, 50, seed)) }

// mmdb is a tree whose type is kind.
func mmdb(n int, kind string) []byte {
	rows := testdb.Rows4(n, 50, 1)
	return testdb.MMDB(rows, 24, false, kind, func(r testdb.Row) any {
		return map[string]any{"city": map[string]any{"names": map[string]any{"en": r.Text[0]}}}
	})
}

// server answers with a handler, and is closed with all of its connections at the end of the test.
func server(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// sends is a handler that sends bytes, whole and with their length.
func sends(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		w.Write(b)
	}
}

// talker is a server below HTTP: it reads a request's head and then says what it likes.
func talker(t testing.TB, say func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			say(c)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return "http://" + l.Addr().String() + "/qqwry.dat"
}

func install(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qqwry.dat")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// isWhole fails the test where a file is not what it should be, or where something else is left beside it.
func isWhole(t testing.TB, path string, want []byte) {
	t.Helper()
	if !bytes.Equal(content(t, path), want) {
		t.Errorf("%s is not the file that it should be", path)
	}
	if left := leftovers(t, path); len(left) > 0 {
		t.Errorf("left beside the file: %q", left)
	}
}

func leftovers(t testing.TB, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != filepath.Base(path) && !strings.HasSuffix(e.Name(), stateSuffix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// quickly are options for servers that do not stall; hastily are for those that do.
var (
	quickly = Options{Idle: 20 * time.Second, MaxSize: 8 << 20}
	hastily = Options{Idle: 500 * time.Millisecond}
)

func update1(src Source) (Result, error) { return Update(context.Background(), src, quickly) }

// updated fails the test where an update does not succeed.
func updated(t testing.TB, src Source, opt Options) Result {
	t.Helper()
	r, err := Update(context.Background(), src, opt)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Partial) > 0 {
		t.Error(r.Partial)
	}
	return r
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

type file struct {
	name string
	data []byte
}

func tarred(files ...file) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	w.WriteHeader(&tar.Header{Name: "folder/", Typeflag: tar.TypeDir, Mode: 0o755})
	for _, f := range files {
		w.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.data)), Mode: 0o644, Typeflag: tar.TypeReg})
		w.Write(f.data)
	}
	w.Close()
	return out.Bytes()
}

func zipped(files ...file) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range files {
		m, _ := w.Create(f.name)
		m.Write(f.data)
	}
	w.Close()
	return out.Bytes()
}

// counter counts the requests that a handler gets, and those that it answers with 304.
type counter struct {
	requests, unchanged atomic.Int32
	data                atomic.Pointer[[]byte]
}

func (c *counter) set(b []byte) { c.data.Store(&b) }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	b := *c.data.Load()
	tag := `"` + sumOf(b) + `"`
	if r.Header.Get("If-None-Match") == tag {
		c.unchanged.Add(1)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("ETag", tag)
	w.Write(b)
}

var one = netip.MustParseAddr("8.8.8.8")

func sameLeft(t testing.TB, a, b []string) {
	t.Helper()
	if !slices.Equal(a, b) {
		t.Errorf("%q, not %q", a, b)
	}
}
