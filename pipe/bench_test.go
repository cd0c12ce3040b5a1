package pipe_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sockeye-net/sockeye/pipe"
)

// Both ends in one process; bench/pipe has two.
func BenchmarkRoundTrip(b *testing.B) {
	for _, s := range []shape{bytePipe, messagePipe} {
		b.Run(s.name, func(b *testing.B) {
			server, client := s.pair(b)
			roundTrips(b, server, client)
		})
	}
	if runtime.GOOS == "windows" {
		return
	}
	b.Run("net.UnixConn", func(b *testing.B) {
		l, err := net.Listen("unix", filepath.Join(b.TempDir(), "s"))
		if err != nil {
			b.Fatal(err)
		}
		defer l.Close()
		client, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		roundTrips(b, server, client)
		client.Close()
		server.Close()
	})
}

func roundTrips(b *testing.B, server, client net.Conn) {
	if c, ok := server.(*pipe.Conn); ok {
		c.SetDeadline(noDeadline)
		client.(*pipe.Conn).SetDeadline(noDeadline)
	}
	go func() {
		buf := make([]byte, 64)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			server.Write(buf[:n])
		}
	}()
	buf := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Write(buf); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(client, buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDial(b *testing.B) {
	l := listen(b, newName(), nil)
	b.ReportAllocs()
	for b.Loop() {
		c, err := pipe.Dial(context.Background(), l.Addr().String(), &pipe.DialConfig{Wait: -1})
		if err != nil {
			b.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
		c.Close()
	}
}
