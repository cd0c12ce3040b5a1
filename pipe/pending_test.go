package pipe_test

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

// A write that waits for the reader ends with its deadline, and with Close.
func TestPendingWrite(t *testing.T) {
	each(t, shapes, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		client.SetWriteDeadline(time.Now().Add(30 * time.Millisecond))
		big := make([]byte, 8<<20)
		if _, err := client.Write(big); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		var ne net.Error
		if _, err := client.Write(big); !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("after the deadline: %v", err)
		}
		client.SetWriteDeadline(time.Time{})
		done := make(chan error)
		go func() {
			_, err := client.Write(big)
			done <- err
		}()
		time.Sleep(20 * time.Millisecond)
		client.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write that was closed: %v", err)
		}
		server.Close()
	})
}

// A read that waits ends with Close of either end, and with a deadline that is set meanwhile.
func TestPendingRead(t *testing.T) {
	each(t, shapes, func(t *testing.T, s shape) {
		for what, end := range map[string]func(server, client *pipe.Conn){
			"EOF":                          func(server, client *pipe.Conn) { server.Close() },
			net.ErrClosed.Error():          func(server, client *pipe.Conn) { client.Close() },
			os.ErrDeadlineExceeded.Error(): func(server, client *pipe.Conn) { client.SetReadDeadline(time.Now()) },
		} {
			server, client := s.pair(t)
			done := make(chan error)
			go func() {
				_, err := client.Read(make([]byte, 1))
				done <- err
			}()
			time.Sleep(10 * time.Millisecond)
			end(server, client)
			err := <-done
			if !errors.Is(err, net.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) && err.Error() != what {
				t.Errorf("%s: %v", what, err)
			}
			if what != "EOF" && errors.Is(err, net.ErrClosed) != (what == net.ErrClosed.Error()) {
				t.Errorf("%s: %v", what, err)
			}
			server.Close()
			client.Close()
		}
	})
}

// Many writers at once: each message arrives whole.
func TestManyWriters(t *testing.T) {
	each(t, []shape{messageBytes, messagePipe}, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		var writers sync.WaitGroup
		const each = 50
		sizes := []int{1, 100, 5000, 300000}
		for i, size := range sizes {
			writers.Go(func() {
				for range each {
					if err := client.WriteMessage(pattern(size, i)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		got := map[int]int{}
		var m []byte
		for range each * len(sizes) {
			var err error
			if m, err = server.ReadMessage(m); err != nil {
				t.Fatal(err)
			}
			got[len(m)]++
		}
		writers.Wait()
		for _, size := range sizes {
			if got[size] != each {
				t.Errorf("%d messages of %d bytes", got[size], size)
			}
		}
	})
}

// What this end has of a message is not read after Close, nor after the deadline.
func TestRestOfMessage(t *testing.T) {
	testutil.CheckLeaks(t)
	server, client := messagePipe.pair(t)
	wrote := make(chan error, 1)
	go func() { wrote <- server.WriteMessage([]byte("hello")) }()
	b := make([]byte, 2)
	if n, err := client.Read(b); n != 2 || !errors.Is(err, pipe.ErrMoreData) {
		t.Fatal(n, err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	client.SetReadDeadline(time.Unix(1, 0))
	if n, err := client.Read(b); n != 0 || !errors.Is(err, pipe.ErrTimeout) {
		t.Errorf("after the deadline: %d, %v", n, err)
	}
	client.SetReadDeadline(time.Time{})
	if n, err := client.Read(b); string(b[:n]) != "ll" || !errors.Is(err, pipe.ErrMoreData) {
		t.Errorf("%q, %v", b[:n], err)
	}
	client.Close()
	if n, err := client.Read(b); n != 0 || !errors.Is(err, pipe.ErrClosed) {
		t.Errorf("after Close: %d, %v", n, err)
	}
	if m, err := client.ReadMessage(nil); len(m) != 0 || !errors.Is(err, pipe.ErrClosed) {
		t.Errorf("after Close: %q, %v", m, err)
	}
}
