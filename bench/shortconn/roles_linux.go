package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/sockex"
)

// blockSize is what is sent to and fro on each connection.
const blockSize = 64

// done counts connections.
var done atomic.Int64

// play is a child's whole life.
func play(role string) error {
	word, rest, _ := strings.Cut(role, " ")
	switch word {
	case "load":
		var n int
		var to string
		if _, err := fmt.Sscan(rest, &to, &n); err != nil {
			return err
		}
		for range n {
			go loadFrom(netip.MustParseAddrPort(to))
		}
	case "client":
		to, name, _ := strings.Cut(rest, " ")
		go client(name, netip.MustParseAddrPort(to))
	case "fastopen":
		return linkRole(rest)
	default:
		return serve(role)
	}
	fmt.Println("ready")
	return answer()
}

// answer tells the number of connections whenever it is asked, until nobody does.
func answer() error {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(done.Load())
	}
	return nil
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/shortconn:", err)
		os.Exit(1)
	}
}

// serve is a server of short exchanges: a block, its answer, and the end.
func serve(name string) error {
	if strings.HasPrefix(name, "AcceptEx on a port, ") || strings.HasPrefix(name, "Serve, ") {
		_, backend, _ := strings.Cut(name, ", ")
		b, err := completion.ParseBackend(backend)
		if err != nil {
			return err
		}
		if strings.HasPrefix(name, "Serve") {
			return serveBlocks(b)
		}
		return servePort(b)
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	if name == "Go net" {
		go serveNet(l)
	} else {
		for range 64 {
			go serveEx(l.(*net.TCPListener))
		}
	}
	return answer()
}

func serveNet(l net.Listener) {
	for {
		c, err := l.Accept()
		fail(err)
		go func() {
			defer c.Close()
			b := make([]byte, 4096)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				if _, err := c.Write(b[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func serveEx(l *net.TCPListener) {
	b := make([]byte, 4096)
	for {
		a, err := sockex.AcceptEx(context.Background(), l, b, nil)
		if err != nil {
			continue
		}
		if _, err := a.Conn.Write(b[:a.N]); err == nil {
			_, _ = a.Conn.Read(b) // its end
		}
		_ = a.Conn.Close()
	}
}

func serveBlocks(b completion.Backend) error {
	runtime.GOMAXPROCS(2) // one for the port, which holds it
	l, err := completion.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	a, err := l.Addr()
	if err != nil {
		return err
	}
	fmt.Println(a)
	go func() {
		o := &completion.Options{Backend: b, Workers: 1, Hold: 100 * time.Microsecond}
		fail(completion.Serve(context.Background(), l, func(c *completion.Conn, block []byte) error { return c.Send(block) }, o))
	}()
	return answer()
}

// servePort keeps so many AcceptEx posted on a port, as the server of the old text does. All steps of a connection are one
// Op's, with Next.
func servePort(b completion.Backend) error {
	runtime.GOMAXPROCS(2)
	go func() {
		port, err := completion.Open(&completion.Config{Backend: b, Exclusive: true, Hold: 100 * time.Microsecond})
		fail(err)
		l, err := port.Listen("tcp4", "127.0.0.1:0")
		fail(err)
		a, err := l.LocalAddr()
		fail(err)
		fmt.Println(a)
		for range 64 {
			fail(port.Submit(sockex.NewAcceptEx(l, make([]byte, 4096), nil).Op()))
		}
		results := make([]*completion.Op, 256)
		for {
			n, err := port.Wait(results, -1)
			fail(err)
			for _, op := range results[:n] {
				fail(port.Submit(next(op)...))
			}
		}
	}()
	return answer()
}

// exchange is what follows an AcceptEx on its connection: the answer, the client's end, and closing.
type exchange struct {
	op  completion.Op
	buf [4096]byte
}

func next(op *completion.Op) []*completion.Op {
	switch {
	case op.Kind == completion.Accept && op.Err != nil:
		return []*completion.Op{op}
	case op.Kind == completion.Accept:
		x := &exchange{}
		copy(x.buf[:], op.Buf[:op.N])
		x.op = completion.Op{Kind: completion.Send, Handle: op.Conn, Buf: x.buf[:op.N]}
		return []*completion.Op{&x.op, op}
	case op.Kind == completion.Send && op.Err == nil:
		op.Kind, op.Buf = completion.Recv, op.Buf[:cap(op.Buf)]
	case op.Kind != completion.Close:
		op.Kind, op.Buf = completion.Close, nil
	default:
		return nil
	}
	return []*completion.Op{op}
}

// loadFrom makes short exchanges by bare system calls, one after the other.
func loadFrom(to netip.AddrPort) {
	b := make([]byte, blockSize)
	for {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		fail(err)
		fail(unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}))
		rawExchange(fd, b)
		_ = unix.Close(fd)
		done.Add(1)
	}
}

func rawExchange(fd int, b []byte) {
	_, err := unix.Write(fd, b[:blockSize])
	fail(err)
	for got := 0; got < blockSize; {
		n, err := unix.Read(fd, b)
		fail(err)
		if n == 0 {
			fail(fmt.Errorf("the server has ended the connection"))
		}
		got += n
	}
}
