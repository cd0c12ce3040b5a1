// Command server answers each request, whatever it is, with head, file and tail, in one of the ways that bench/transmit
// compares.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/sockex"
)

// server is what the ways of answering have in common.
type server struct {
	file       *os.File
	size       int64
	head, tail []byte
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run() error {
	addr := flag.String("addr", "127.0.0.1:0", "where it listens")
	name := flag.String("file", "", "what it sends")
	way := flag.String("way", "transmit", "copy, writes, transmit, io_uring or epoll")
	profile := flag.String("profile", "", "where a CPU profile of 3 seconds is written")
	head := flag.Int("head", 200, "bytes before the file")
	tail := flag.Int("tail", 100, "bytes after it")
	flag.Parse()
	if *profile != "" {
		profileTo(*profile)
	}
	f, err := os.Open(*name)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	s := &server{file: f, size: st.Size(), head: make([]byte, *head), tail: make([]byte, *tail)}
	switch *way {
	case "copy":
		return s.listen(*addr, s.copying)
	case "writes":
		return s.listen(*addr, s.writing)
	case "transmit":
		return s.listen(*addr, s.transmitting)
	}
	b, err := completion.ParseBackend(*way)
	if err != nil {
		return err
	}
	return s.onPort(*addr, b)
}

// answer sends one answer.
type answer func(c *net.TCPConn) error

// listen serves with Go's net, a goroutine for each connection.
func (s *server) listen(addr string, answerer func() answer) error {
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			send := answerer()
			request := make([]byte, 4096)
			for {
				if _, err := c.Read(request); err != nil {
					return
				}
				if err := send(c.(*net.TCPConn)); err != nil {
					return
				}
			}
		}()
	}
}

// copying is what programs do today: a write, io.Copy, which uses sendfile, and a write.
func (s *server) copying() answer {
	f, err := os.Open(s.file.Name()) // its position is its own
	if err != nil {
		panic(err)
	}
	return func(c *net.TCPConn) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if _, err := c.Write(s.head); err != nil {
			return err
		}
		if _, err := io.Copy(c, f); err != nil {
			return err
		}
		_, err := c.Write(s.tail)
		return err
	}
}

// writing reads the file into memory and makes three writes.
func (s *server) writing() answer {
	buf := make([]byte, s.size)
	return func(c *net.TCPConn) error {
		if _, err := s.file.ReadAt(buf, 0); err != nil {
			return err
		}
		for _, b := range [][]byte{s.head, buf, s.tail} {
			if _, err := c.Write(b); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s *server) transmitting() answer {
	o := &sockex.FileOptions{Head: s.head, Tail: s.tail, Count: s.size}
	return func(c *net.TCPConn) error {
		_, err := sockex.TransmitFile(context.Background(), c, s.file, o)
		return err
	}
}

// onPort serves with one port and one thread.
func (s *server) onPort(addr string, b completion.Backend) error {
	cfg := &completion.Config{Backend: b, Exclusive: true}
	runtime.GOMAXPROCS(2) // the port holds one, and leaves the other to the collector
	cfg.Hold = 100 * time.Microsecond
	port, err := completion.Open(cfg)
	if err != nil {
		return err
	}
	l, err := port.Listen("tcp4", addr)
	if err != nil {
		return err
	}
	accept := &completion.Op{Kind: completion.Accept, Handle: l}
	accept.Next = func(op *completion.Op) bool {
		if op.Err == nil {
			err = port.Submit(s.conversation(port, op.Conn))
		}
		return err == nil
	}
	if err := port.Submit(accept); err != nil {
		return err
	}
	done := make([]*completion.Op, 256)
	for err == nil {
		_, err = port.Wait(done, -1)
	}
	return err
}

// conversation receives a request and answers it, again and again. What a callback returns true for is begun again, and so
// each of the two operations hands over to the other.
func (s *server) conversation(port *completion.Port, c *completion.Handle) *completion.Op {
	recv := &completion.Op{Kind: completion.Recv, Handle: c, Buf: make([]byte, 4096)}
	send := sockex.NewTransmitFile(c, s.file, &sockex.FileOptions{Head: s.head, Tail: s.tail, Count: s.size})
	recv.Next = func(op *completion.Op) bool {
		if op.Err != nil || port.Submit(send.Op()) != nil {
			_ = c.Close()
		}
		return false
	}
	send.Next = func(x *sockex.Transmission) bool {
		if x.Op().Err != nil || port.Submit(recv) != nil {
			_ = c.Close()
		}
		return false
	}
	return recv
}

func profileTo(name string) {
	f, err := os.Create(name)
	if err != nil {
		panic(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		panic(err)
	}
	time.AfterFunc(3*time.Second, func() {
		pprof.StopCPUProfile()
		f.Close()
	})
}
