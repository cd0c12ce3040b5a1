package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func startEcho(t *testing.T, args ...string) (r *daemon, addr string, out *bytes.Buffer) {
	t.Helper()
	cmd := program(t, append([]string{"echo", "--addr", "0"}, args...)...)
	out = new(bytes.Buffer)
	cmd.Stdout = out
	r = launch(t, cmd)
	return r, r.find(`listening on (\S+) \(`), out
}

// TestEcho: socat and nc get back what they send, on each backend and with goroutines.
func TestEcho(t *testing.T) {
	text := strings.Repeat("a line of text\n", 100_000)
	for _, flags := range []string{"", "--backend io_uring", "--backend epoll", "--goroutines 4 --workers 2", "--spin 60us --workers 1"} {
		t.Run(flags, func(t *testing.T) {
			r, addr, out := startEcho(t, strings.Fields(flags)...)
			if got := socat(t, text, "-t10", "-", "TCP:"+addr); got != text {
				t.Errorf("socat gets %d bytes back, not %d", len(got), len(text))
			}
			served := "served 1 connection: 1.5 MB in "
			if nc := netcat(); nc != "" {
				host, port, _ := net.SplitHostPort(addr)
				cmd := exec.CommandContext(t.Context(), nc, "-N", host, port)
				cmd.Stdin = strings.NewReader(text)
				if got, err := cmd.Output(); err != nil || string(got) != text {
					t.Errorf("nc gets %d bytes back, %v", len(got), err)
				}
				served = "served 2 connections: 3.0 MB in "
			}
			if code := r.interrupt(); code != 0 || !strings.HasPrefix(out.String(), served) {
				t.Errorf("exit %d, %q, %s", code, out, r.text())
			}
		})
	}
}

// netcat is the one that ends its side of the connection when it is told to (-N); others wait for the server.
func netcat() string {
	nc, err := exec.LookPath("nc")
	if err != nil {
		return ""
	}
	if help, _ := exec.Command(nc, "-h").CombinedOutput(); !bytes.Contains(help, []byte("-N")) {
		return ""
	}
	return nc
}

// TestEchoEnds: a SIGTERM ends it in good order, with a client that is there; limits on silence; JSON.
func TestEchoEnds(t *testing.T) {
	r, addr, out := startEcho(t, "--json", "--idle", "1s", "--first-block", "300ms", "--max-conns", "2")
	silent, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 5)
	for range 6 { // longer than a new connection may be silent
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
			t.Fatalf("%q, %v", b, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	_ = silent.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := silent.Read(b); err == nil || isTimeout(err) {
		t.Errorf("a silent connection: %v", err)
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(b); err != io.EOF {
		t.Errorf("a client at the end: %v", err)
	}
	c.Close()
	if code := r.wait(); code != 0 {
		t.Errorf("exit %d: %s", code, r.text())
	}
	var doc struct {
		Schema, Connections, Broken, Blocks, Bytes int
		Addr, Backend                              string
		Seconds                                    float64
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.Schema != 1 || doc.Connections != 2 || doc.Broken != 1 || doc.Bytes != 30 || doc.Addr != addr || doc.Seconds <= 0 {
		t.Errorf("%+v, %v: %s", doc, err, out)
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}

func TestEchoErrors(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := finish(t, program(t, "echo", "--addr", l.Addr().String()))
	r.check(t, 2, "*")
	if !strings.Contains(r.err, "end who listens there, or choose another port") || strings.Count(r.err, "\n") != 1 {
		t.Error(r.err)
	}
	finish(t, program(t, "echo", "--addr", "0", "--backend", "iocp")).check(t, 2, "*")
}
