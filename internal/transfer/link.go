package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// DefaultIdle is how long nothing may be heard of the other end before it is given up.
	DefaultIdle = 30 * time.Second

	handshakeTime = 10 * time.Second // for greeting, TLS and key exchange together
	maxBeat       = 5 * time.Second
	inSize        = 64 << 10
	outSize       = chunkSize + 32<<10 // a chunk with what TLS puts around it
)

// link is a connection that frames go over. One goroutine reads; any may write.
type link struct {
	wire *wire
	conn io.ReadWriter // TLS, or the wire itself
	in   *bufio.Reader
	mu   sync.Mutex // one frame after the other
}

func newLink(c *net.TCPConn, idle time.Duration, sender bool) *link {
	if idle <= 0 {
		idle = DefaultIdle
	}
	w := &wire{TCPConn: c, idle: idle, limit: time.Now().Add(handshakeTime), sender: sender}
	return &link{wire: w, conn: w, in: bufio.NewReaderSize(w, inSize)}
}

// greet exchanges greetings. Both ends send theirs first, so that each learns what the other is.
func (l *link) greet(plain bool) error {
	if _, err := l.wire.Write(greeting(plain)); err != nil {
		return broken(err)
	}
	b := make([]byte, greetingSize)
	n, err := io.ReadFull(l.wire, b)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && n > 0: // whoever closed after so few bytes is a stranger
	case err != nil:
		return broken(err)
	}
	return checkGreeting(b[:n], plain, l.wire.sender)
}

// send writes whole frames.
func (l *link) send(frames []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(frames)
}

// write is send for whoever has the lock.
func (l *link) write(frames []byte) error {
	if _, err := l.conn.Write(frames); err != nil {
		return broken(err)
	}
	return broken(l.wire.flush())
}

// next reads the next frame's head. What only says that the other end is there is left out.
func (l *link) next() (head, error) {
	for {
		b, err := l.in.Peek(headSize)
		if err != nil {
			if len(b) > 0 && errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return head{}, broken(err)
		}
		h, err := parseHead(b)
		if err != nil {
			return head{}, err
		}
		_, _ = l.in.Discard(headSize)
		if h.kind != still {
			return h, nil
		}
	}
}

// body reads what follows a head, of any kind but data.
func (l *link) body(h head) ([]byte, error) {
	if h.size > maxFrame {
		return nil, fmt.Errorf("%w: a frame of %d bytes", errProtocol, h.size)
	}
	b := make([]byte, h.size)
	if _, err := io.ReadFull(l.in, b); err != nil {
		return nil, broken(err)
	}
	return b, nil
}

// expect reads one frame of a kind. A result in its place is the other end's refusal.
func (l *link) expect(k kind) ([]byte, error) {
	h, err := l.next()
	if err != nil {
		return nil, err
	}
	if h.kind != k && h.kind != result {
		return nil, fmt.Errorf("%w: frame %d in the place of %d", errProtocol, h.kind, k)
	}
	b, err := l.body(h)
	if err != nil || h.kind == k {
		return b, err
	}
	v, err := parseVerdict(b)
	if err != nil {
		return nil, err
	}
	return nil, &refusal{v.text}
}

// refusal is what the other end says before it closes.
type refusal struct{ text string }

func (r *refusal) Error() string { return "the receiver refuses: " + r.text }

// keepAlive lets the other end know that we are here while we have nothing else to say, such as when we hash. A frame that
// is being written says as much.
func (l *link) keepAlive() (stop func()) {
	l.wire.limit = time.Time{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(min(maxBeat, l.wire.idle/4))
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			if l.mu.TryLock() {
				_ = l.write(head{kind: still}.put(nil)) // reading says what is wrong
				l.mu.Unlock()
			}
		}
	}()
	return func() { cancel(); <-ended }
}

// wire is the TCP connection with deadlines that move on, and what is written gathered until flush once it holds.
type wire struct {
	*net.TCPConn
	idle   time.Duration
	limit  time.Time // of the handshake; zero afterwards
	sender bool

	mu   sync.Mutex // TLS may write of itself when it reads
	hold bool
	out  []byte
}

func (w *wire) deadline() time.Time {
	d := time.Now().Add(w.idle)
	if !w.limit.IsZero() && w.limit.Before(d) {
		return w.limit
	}
	return d
}

func (w *wire) Read(b []byte) (int, error) {
	if err := w.SetReadDeadline(w.deadline()); err != nil {
		return 0, err
	}
	return w.TCPConn.Read(b)
}

func (w *wire) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hold && len(w.out)+len(b) <= outSize {
		w.out = append(w.out, b...)
		return len(b), nil
	}
	if err := w.flushLocked(); err != nil {
		return 0, err
	}
	return w.put(b)
}

func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.flushLocked()
}

func (w *wire) flushLocked() error {
	if len(w.out) == 0 {
		return nil
	}
	_, err := w.put(w.out)
	w.out = w.out[:0]
	return err
}

// put has a deadline for whoever sends little: a receiver that is not listened to. A sender sends for as long as it hears
// of the receiver, which it is the reading that finds out.
func (w *wire) put(b []byte) (int, error) {
	deadline := w.deadline()
	if w.sender && w.limit.IsZero() {
		deadline = time.Time{}
	}
	if err := w.SetWriteDeadline(deadline); err != nil {
		return 0, err
	}
	return w.TCPConn.Write(b)
}

// gather has TLS's records, of 16 KiB each, written together. A receiver has too little to say for that.
func (w *wire) gather() {
	if !w.sender {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold, w.out = true, make([]byte, 0, outSize)
}

// broken says of an error of the connection what it means.
func broken(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrBroken), errors.Is(err, ErrSilent), errors.Is(err, errProtocol):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSilent
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return ErrBroken
	}
	return fmt.Errorf("%w: %w", ErrBroken, cause(err))
}

// cause leaves out the addresses that package net puts before an error: who reports it knows them.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
