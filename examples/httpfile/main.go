// A web server of files: each answer is one TransmitFile, whose head is that of HTTP, so that a small file leaves in one
// segment with it.
//
//	go run ./examples/httpfile [-addr :8080] [DIR]
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"mime"
	"net"
	"net/http"
	"os"
	"path"
	"time"

	"github.com/sockeye-net/sockeye/sockex"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()
	dir := "."
	if flag.NArg() > 0 {
		dir = flag.Arg(0)
	}
	root, err := os.OpenRoot(dir) // no name leads out of it
	if err != nil {
		log.Fatal(err)
	}
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("serving %s at http://%v/", dir, l.Addr())
	log.Fatal(serve(context.Background(), l.(*net.TCPListener), root))
}

// serve takes connections until the listener is closed.
func serve(ctx context.Context, l *net.TCPListener, root *os.Root) error {
	for {
		c, err := l.AcceptTCP()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			if err := converse(ctx, c, root); err != nil {
				log.Printf("%v: %v", c.RemoteAddr(), err)
			}
		}()
	}
}

// patience is how long a client may take for a request, and for an answer.
const patience = time.Minute

// converse answers the requests of a connection, one after the other.
func converse(ctx context.Context, c *net.TCPConn, root *os.Root) error {
	in := bufio.NewReader(c)
	for {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			return nil // it has had enough
		}
		_, err = io.Copy(io.Discard, r.Body)
		if err == nil {
			err = answer(ctx, c, root, r)
		}
		if err != nil || r.Close {
			return err
		}
	}
}

// answer sends the file that a request names, or why not.
func answer(ctx context.Context, c *net.TCPConn, root *os.Root, r *http.Request) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return send(ctx, c, r, nil, http.StatusMethodNotAllowed, 0, "")
	}
	name := path.Join(".", path.Clean("/"+r.URL.Path))
	f, err := root.Open(name)
	if err != nil {
		return send(ctx, c, r, nil, http.StatusNotFound, 0, "")
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Mode()&fs.ModeType != 0 {
		return send(ctx, c, r, nil, http.StatusForbidden, 0, "")
	}
	return send(ctx, c, r, f, http.StatusOK, st.Size(), mime.TypeByExtension(path.Ext(name)))
}

// send sends head and body in one call.
func send(ctx context.Context, c *net.TCPConn, r *http.Request, f *os.File, status int, size int64, kind string) error {
	if kind == "" {
		kind = "application/octet-stream"
	}
	head := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", status, http.StatusText(status), kind, size)
	o := &sockex.FileOptions{Head: head, Count: size}
	if f == nil || r.Method == http.MethodHead || size == 0 {
		f, o.Count = nil, 0
	}
	_, err := sockex.TransmitFile(ctx, c, f, o)
	return err
}
