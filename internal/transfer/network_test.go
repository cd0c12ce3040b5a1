package transfer

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// proxy is between sender and receiver. change is given what goes to the receiver, with where it is in the stream.
func proxy(t *testing.T, to string, change func(at int64, b []byte) error) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go through(c, to, change)
		}
	}()
	return l.Addr().String()
}

func through(c net.Conn, to string, change func(at int64, b []byte) error) {
	defer c.Close()
	up, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer up.Close()
	go func() { // without splice(2), whose pipes package net keeps
		_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{up})
		c.Close()
	}()
	b := make([]byte, 4096)
	for at := int64(0); ; {
		n, err := c.Read(b)
		if n > 0 && change(at, b[:n]) != nil {
			return
		}
		if _, e := up.Write(b[:n]); e != nil || err != nil {
			return
		}
		at += int64(n)
	}
}

// Bits that are changed on the way: with a passphrase nothing wrong gets through, wherever it is changed; without one the
// checksum sees what the content has suffered.
func TestTampering(t *testing.T) {
	testutil.CheckLeaks(t)
	content := random(3, 1<<20)
	path := write(t, filepath.Join(t.TempDir(), "f"), content)
	dir := t.TempDir()
	r := startReceiver(t, dir, ServeConfig{})
	for _, where := range []int64{0, 8, 9, greetingSize, 20, 100, 300, 700, 1500, 1700, 1800, 5000, 500_000, 1_040_000} {
		addr := proxy(t, r.addr, func(at int64, b []byte) error {
			if i := where - at; i >= 0 && i < int64(len(b)) {
				b[i] ^= 0x10
			}
			return nil
		})
		got, err := send(t, addr, SendConfig{Idle: 2 * time.Second}, path)
		if err == nil {
			t.Errorf("byte %d: %+v", where, got[0])
		}
		if _, err := os.Stat(filepath.Join(dir, "f")); err == nil {
			t.Fatalf("byte %d: the file is there", where)
		}
		_ = os.Remove(filepath.Join(dir, "f"+PartSuffix)) // so that the next one sends all of it
	}
	if got, err := send(t, r.addr, SendConfig{}, path); err != nil || got[0].Hash != sha256.Sum256(content) {
		t.Error(got, err)
	}
	plain := startReceiver(t, t.TempDir(), ServeConfig{Plain: true})
	addr := proxy(t, plain.addr, func(at int64, b []byte) error {
		if i := 500_000 - at; i >= 0 && i < int64(len(b)) {
			b[i] ^= 0x10
		}
		return nil
	})
	if got, err := send(t, addr, SendConfig{Plain: true}, path); err != nil || got[0].Status != Failed || !strings.Contains(got[0].Err.Error(), "checksum") {
		t.Errorf("plain: %+v, %v", got, err)
	}
	r.end()
	plain.end()
}

// Somebody in between who speaks TLS to both ends gets nowhere, since the key exchange is bound to the connection.
func TestInTheMiddle(t *testing.T) {
	r := startReceiver(t, t.TempDir(), ServeConfig{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	seen := make(chan string, 1)
	go func() { seen <- middle(l, r.addr) }()
	path := write(t, filepath.Join(t.TempDir(), "f"), []byte("secret"))
	if _, err := send(t, l.Addr().String(), SendConfig{}, path); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if s := <-seen; s != "" {
		t.Error(s)
	}
	testutil.Eventually(t, 10*time.Second, func() error {
		if e := r.endings(); len(e) != 1 || !errors.Is(e[0], ErrGuess) {
			return fmt.Errorf("the receiver's word: %v", e)
		}
		return nil
	})
}

// middle passes on what both say inside of TLS.
func middle(l net.Listener, to string) string {
	c, err := l.Accept()
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	up, err := net.Dial("tcp", to)
	if err != nil {
		return err.Error()
	}
	defer up.Close()
	a, b := newLink(c.(*net.TCPConn), time.Second*5, false), newLink(up.(*net.TCPConn), 5*time.Second, true)
	if err := errors.Join(a.greet(false), b.greet(false)); err != nil {
		return err.Error()
	}
	cert, err := certificate()
	if err != nil {
		return err.Error()
	}
	if err := terminate(a, b, cert); err != nil {
		return err.Error()
	}
	for _, step := range []struct {
		from, to *link
		kind     kind
	}{{a, b, share}, {b, a, share}, {a, b, confirm}} {
		body, err := step.from.expect(step.kind)
		if err != nil {
			return err.Error()
		}
		if err := step.to.send(append(head{step.kind, uint32(len(body))}.put(nil), body...)); err != nil {
			return err.Error()
		}
	}
	h, err := b.next()
	if err != nil || h.kind != result {
		return fmt.Sprintf("the receiver answers with frame %d, %v", h.kind, err)
	}
	body, _ := b.body(h)
	_ = a.send(append(head{result, h.size}.put(nil), body...))
	return ""
}

// A peer that stops is given up, at either end; one that only hashes is not.
func TestSilence(t *testing.T) {
	testutil.CheckLeaks(t)
	const idle = 500 * time.Millisecond
	path := write(t, filepath.Join(t.TempDir(), "f"), random(1, 40<<20))
	for _, m := range modes {
		recv := m.recv
		recv.Idle = idle
		r := startReceiver(t, t.TempDir(), recv)
		addr := proxy(t, r.addr, func(at int64, _ []byte) error {
			if at <= 1<<20 {
				return nil
			}
			for end := time.Now().Add(20 * idle); len(r.endings()) == 0 && time.Now().Before(end); {
				time.Sleep(idle / 50)
			}
			return io.EOF
		})
		cfg := m.send
		cfg.Idle = 40 * idle // the receiver finds out first
		if _, err := send(t, addr, cfg, path); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", m.name, err)
		}
		testutil.Eventually(t, 10*time.Second, func() error {
			if e := r.endings(); len(e) != 1 || !errors.Is(e[0], ErrSilent) {
				return fmt.Errorf("%s: receiver: %v", m.name, e)
			}
			return nil
		})
		r.end()
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0") // who says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if _, err := send(t, mute.Addr().String(), SendConfig{Plain: true, Idle: idle}, path); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
}

// A receiver that takes nothing but says that it is there is waited for; one that stops saying so is given up.
func TestStalledReceiver(t *testing.T) {
	testutil.CheckLeaks(t)
	path := write(t, filepath.Join(t.TempDir(), "f"), random(1, 64<<20))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan time.Time, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		k := newLink(c.(*net.TCPConn), 10*time.Second, false)
		_ = k.greet(true)
		_, _ = k.expect(offer)
		_ = k.send(held{}.put(nil))
		for range 6 {
			time.Sleep(300 * time.Millisecond)
			_ = k.send(head{kind: still}.put(nil))
		}
		ended <- time.Now()
		time.Sleep(2 * time.Second)
	}()
	_, err = send(t, l.Addr().String(), SendConfig{Plain: true, Idle: time.Second}, path)
	if waited := time.Since(<-ended); !errors.Is(err, ErrSilent) || waited < 500*time.Millisecond || waited > 3*time.Second {
		t.Errorf("%v, %v after the last sign", err, waited)
	}
}

// Many small files over a network with delay do not wait for each other: 400 round trips of 40 ms would be 16 seconds more
// than it takes without.
func TestDelay(t *testing.T) {
	const files, delay = 400, 20 * time.Millisecond
	from := t.TempDir()
	for i := range files {
		write(t, filepath.Join(from, "many", fmt.Sprint(i)), []byte(fmt.Sprint(i)))
	}
	var took [2]time.Duration
	for i, wait := range []time.Duration{0, delay} {
		to := t.TempDir()
		r := startReceiver(t, to, ServeConfig{})
		addr := delayed(t, r.addr, wait)
		began := time.Now()
		if got, err := send(t, addr, SendConfig{}, filepath.Join(from, "many")); err != nil || len(got) != files+1 {
			t.Errorf("%d results, %v", len(got), err)
		}
		took[i] = time.Since(began)
		same(t, to, from)
		r.end()
	}
	if more := took[1] - took[0]; took[1] < 6*delay || more > files*delay {
		t.Errorf("%v, and %v with the delay", took[0], took[1])
	}
}

// delayed is a proxy that passes on what comes after a while, both ways.
func delayed(t *testing.T, to string, delay time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		up, err := net.Dial("tcp", to)
		if err != nil {
			c.Close()
			return
		}
		go later(c, up, delay)
		go later(up, c, delay)
	}()
	return l.Addr().String()
}

func later(from, to net.Conn, delay time.Duration) {
	type piece struct {
		at time.Time
		b  []byte
	}
	queue := make(chan piece, 1<<16)
	go func() {
		defer close(queue)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			queue <- piece{time.Now().Add(delay), b[:n]}
			if err != nil {
				return
			}
		}
	}()
	for p := range queue {
		time.Sleep(time.Until(p.at))
		_, _ = to.Write(p.b)
	}
	to.Close()
}
