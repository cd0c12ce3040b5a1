package geofetch

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func answers(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func chunked(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush() // before the length is known
		w.Write(b)
	}
}

func goes(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

func bomb(size int64) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	io.CopyN(w, zeros{}, size)
	w.Close()
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Nothing that a server does wrong touches the old file, or leaves another.
func TestRefused(t *testing.T) {
	testutil.CheckLeaks(t)
	old, b := database(300, 1), database(300, 2)
	packed := gzipped(b)
	loop := func(w http.ResponseWriter, r *http.Request) { goes(r.URL.Path)(w, r) }
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		says    string
	}{
		{"a page", sends([]byte("\n<!DOCTYPE html><title>Log in</title>")), "a web page, not a database"},
		{"a text", sends([]byte("Invalid license key\n")), `a text, not a database: "Invalid license key"`},
		{"noise", sends(bytes.Repeat([]byte{0xfe, 0x00, 0x81}, 1000)), "not a database of a known format"},
		{"nothing", sends(nil), "an empty file"},
		{"nothing of unknown length", chunked(nil), "an empty file"},
		{"404", answers(404), "answers 404 Not Found; is the address right?"},
		{"403", answers(403), "answers 403 Forbidden; is the key"},
		{"401", answers(401), "answers 401 Unauthorized; is the key"},
		{"429", answers(429), "answers 429 Too Many Requests; try again later"},
		{"500", answers(500), "answers 500 Internal Server Error"},
		{"204", answers(204), "answers 204 No Content"},
		{"206", answers(206), "answers 206 Partial Content"},
		{"304 unasked", answers(304), "answers 304 Not Modified"},
		{"another encoding", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			w.Write(b)
		}, `in the encoding "br"`},
		{"too large", sends(make([]byte, quickly.MaxSize+1)), "larger than 8388608 bytes"},
		{"too large, of unknown length", chunked(make([]byte, quickly.MaxSize+1)), "larger than 8388608 bytes"},
		{"bomb", sends(bomb(20 << 20)), "larger than 8388608 bytes"},
		{"bomb that lies", sends(append(bomb(20<<20), bomb(1)...)), "larger than 8388608 bytes"},
		{"bomb in tar", sends(gzipped(tarred(file{"a.txt", make([]byte, 9<<20)}, file{"q.dat", b}))), "larger than 8388608 bytes"},
		{"bomb in zip", sends(zipped(file{"q.dat", make([]byte, 9<<20)})), "larger than 8388608 bytes"},
		{"gzip cut off", sends(packed[:len(packed)-9]), "unexpected EOF"},
		{"gzip with a wrong checksum", sends(changed(packed, len(packed)-8)), "checksum"},
		{"tar without a database", sends(tarred(file{"a.txt", b})), "no database in the archive"},
		{"tar with two", sends(tarred(file{"a.dat", b}, file{"b.mmdb", b})), "2 databases in the archive (a.dat, b.mmdb)"},
		{"tar cut off", sends(tarred(file{"a.dat", b})[:5000]), "unexpected EOF"},
		{"zip without a database", sends(zipped(file{"a.txt", b})), "no database in the archive"},
		{"zip cut off", sends(zipped(file{"a.dat", b})[:2000]), "zip: not a valid zip file"},
		{"zip of very many", sends(many(80)), "too many members"},
		{"redirection without end", loop, "more than 5 redirections"},
		{"redirection to nowhere", goes(""), "cannot be understood"},
		{"redirection to a broken address", goes("http://a b:c/"), "cannot be understood"},
		{"redirection to a file", goes("file:///etc/passwd"), "cannot be understood"},
		{"redirection to ftp", goes("ftp://127.0.0.1/a"), "neither https nor http"},
		{"a large head", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
			w.Write(b)
		}, "header"},
	} {
		path := install(t, old)
		s := server(t, c.handler)
		_, err := update1(Source{URL: s.URL + "/qqwry.dat", File: path})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
		isWhole(t, path, old)
	}
}

func changed(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// many is a zip archive with a large directory.
func many(n int) []byte {
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for range n {
		w.CreateHeader(&zip.FileHeader{Name: "a.dat", Comment: strings.Repeat("x", 60000)})
	}
	w.Close()
	return out.Bytes()
}

// A transfer that is cut off is noticed wherever that happens, whichever way the length was announced.
func TestCutOff(t *testing.T) {
	testutil.CheckLeaks(t)
	old, b := database(300, 1), database(300, 2)
	for _, head := range []string{
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(b)),
		fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", len(b)),
		"HTTP/1.0 200 OK\r\n\r\n", // its end is that of the connection: only the file itself can tell
	} {
		for _, n := range []int{0, 1, 7, 8, 100, len(b) / 2, len(b) - 7, len(b) - 1} {
			url := talker(t, func(c net.Conn) { c.Write(append([]byte(head), b[:n]...)) })
			path := install(t, old)
			if _, err := update1(Source{URL: url, File: path}); err == nil {
				t.Errorf("%q and %d of %d bytes were taken for a whole file", head, n, len(b))
			}
			isWhole(t, path, old)
		}
	}
	for _, n := range []int{3, 20} {
		url := talker(t, func(c net.Conn) { c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")[:n]) })
		if _, err := update1(Source{URL: url, File: filepath.Join(t.TempDir(), "q.dat")}); err == nil || !strings.Contains(err.Error(), "no answer from 127.0.0.1") {
			t.Errorf("a head cut off after %d bytes: %v", n, err)
		}
	}
	url := talker(t, func(c net.Conn) { fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(b), b[:1000]) })
	_, err := update1(Source{URL: url, File: filepath.Join(t.TempDir(), "q.dat")})
	if want := fmt.Sprintf("the transfer broke off after 1000 of %d bytes", len(b)); err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, want %q", err, want)
	}
}

// A server that says nothing, or next to nothing, does not keep us.
func TestStalled(t *testing.T) {
	testutil.CheckLeaks(t)
	old, b := database(300, 1), database(300, 2)
	drip := func(c net.Conn, text string) {
		for i := range len(text) {
			if _, err := c.Write([]byte(text[i : i+1])); err != nil {
				return
			}
			time.Sleep(hastily.Idle / 20)
		}
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(b))
	for name, c := range map[string]struct {
		say  func(net.Conn)
		says string
	}{
		"silent":         {func(c net.Conn) { c.Read(make([]byte, 1)) }, "nothing came for 500ms"},
		"slow head":      {func(c net.Conn) { drip(c, head+strings.Repeat("x", 1000)) }, "no answer from"},
		"silent in body": {func(c net.Conn) { c.Write(append([]byte(head), b[:5000]...)); c.Read(make([]byte, 1)) }, "after 5000 of"},
		"slow body":      {func(c net.Conn) { c.Write([]byte(head)); drip(c, string(b)) }, "the transfer broke off after"},
		"endless 1xx":    {func(c net.Conn) { drip(c, strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100)) }, "no answer from"},
		"slow redirected": {func(c net.Conn) {
			c.Write([]byte("HTTP/1.1 302 Found\r\nLocation: /\r\n"))
			drip(c, "X: "+string(make([]byte, 999)))
		}, ""},
	} {
		url := talker(t, c.say)
		path := install(t, old)
		start := time.Now()
		if _, err := Update(context.Background(), Source{URL: url, File: path}, hastily); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if took := time.Since(start); took > 20*hastily.Idle {
			t.Errorf("%s: it took %v", name, took)
		}
		isWhole(t, path, old)
	}
}

// A slow disk is not a server that stalls.
func TestSlowDisk(t *testing.T) {
	b := database(30000, 2)
	s := server(t, sends(b))
	opt := hastily
	slow := true
	opt.Progress = func(Progress) {
		if slow {
			time.Sleep(2 * opt.Idle)
		}
		slow = false
	}
	updated(t, Source{URL: s.URL, File: filepath.Join(t.TempDir(), "q.dat")}, opt)
}

// A slow line is no reason to give up, as long as something comes.
func TestSlow(t *testing.T) {
	b := database(1500, 2)
	s := server(t, func(w http.ResponseWriter, _ *http.Request) {
		for part := range slices.Chunk(b, 2*leastBytes) {
			w.Write(part)
			w.(http.Flusher).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	})
	opt, start := Options{Idle: time.Second}, time.Now()
	updated(t, Source{URL: s.URL, File: filepath.Join(t.TempDir(), "q.dat")}, opt)
	if time.Since(start) < opt.Idle {
		t.Error("it was not slow enough to show anything")
	}
}

// secure is a server by https, and options that trust it.
func secure(t *testing.T, h http.HandlerFunc) (*httptest.Server, Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	opt := quickly
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	opt.TLS = &tls.Config{RootCAs: pool}
	return s, opt
}

func TestHTTPS(t *testing.T) {
	testutil.CheckLeaks(t)
	b := database(300, 1)
	s, opt := secure(t, sends(b))
	src := Source{URL: s.URL, File: filepath.Join(t.TempDir(), "q.dat")}
	if _, err := update1(src); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v", err)
	}
	updated(t, src, opt)
	up := server(t, goes(s.URL))
	src.URL = up.URL
	updated(t, src, opt) // to https is no loss

	plain := server(t, sends(b))
	down, opt := secure(t, goes(plain.URL+"/a?token=verysecret"))
	src.URL = down.URL
	_, err := Update(context.Background(), src, opt)
	if err == nil || !strings.Contains(err.Error(), "redirects from https to http://") || strings.Contains(err.Error(), "verysecret") {
		t.Error(err)
	}
}
