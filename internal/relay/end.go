package relay

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/pipe"
)

// end is one side of a connection. Reading and writing may go on at the same time, each by one goroutine.
type end struct {
	io.Reader
	io.Writer
	name string // for people

	closeWrite func() error // nil: the other side cannot be told that no more will come
	closeRead  func() error // tells it that nobody reads any more; nil where that has no meaning
	close      func() error
	deadline   func(time.Time) error // of reading; nil: there is none

	in, out  syscall.RawConn // for splicing; nil: not possible
	messages *pipe.Conn      // messages are to be kept
	echo     bool            // what is read is written to the same end
	drains   bool            // it must be read to its end, or what was sent to it may be lost
	unix     bool            // a Unix socket
	stuck    bool            // closing does not end a Read
	wait     func() error    // for the program behind it, once both directions have ended; may be nil
}

type halfCloser interface {
	CloseWrite() error
	CloseRead() error
}

// netEnd is the end of a TCP or Unix connection. The kernel answers with a reset when a TCP connection is closed in which
// something is unread, and the other side then loses what it has not read itself.
func netEnd(c net.Conn, name string) *end {
	e := &end{Reader: c, Writer: c, name: name, close: c.Close, deadline: c.SetReadDeadline}
	if h, ok := c.(halfCloser); ok {
		e.closeWrite = h.CloseWrite
		if _, e.drains = c.(*net.TCPConn); !e.drains {
			e.unix, e.closeRead = true, h.CloseRead
		}
	}
	e.in = rawOf(c)
	e.out = e.in
	return e
}

// pipeEnd is the end of a pipe.
func pipeEnd(c *pipe.Conn, name string, messages bool) *end {
	e := &end{Reader: c, Writer: c, name: name, close: c.Close, deadline: c.SetReadDeadline}
	if pipe.Supported(pipe.HalfClose) || c.Type() == pipe.Message && !messages {
		e.closeWrite = c.CloseWrite
	}
	switch {
	case messages:
		e.messages = c
	case c.Type() == pipe.Byte && c.Direction() == pipe.Duplex:
		e.in, e.unix = rawOf(c), splices
		e.out = e.in
	}
	return e
}

// socket reports whether a hang-up means that the other side does not read any more either: of a pipe(2) it does not.
func (e *end) socket() bool { return e.unix || e.drains }

// stdioEnd is standard input and output. They are not closed at the end of a connection but by who gave them, except that
// who reads the output is told its end.
func stdioEnd(in io.Reader, out io.Writer) *end {
	if in == nil {
		in = eof{}
	}
	e := &end{Reader: in, Writer: out, name: "stdio", close: func() error { return nil }, closeWrite: func() error { return nil },
		stuck: true}
	e.in, e.out = rawOf(in), rawOf(out)
	if f, ok := in.(interface{ SetReadDeadline(time.Time) error }); ok {
		e.deadline = f.SetReadDeadline
	}
	if f, ok := out.(*os.File); ok {
		e.closeWrite = f.Close
	}
	return e
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// echoEnd sends back what comes.
func echoEnd() *end {
	return &end{name: "echo", echo: true, close: func() error { return nil }}
}

// rawOf is the descriptor in v, if there is one that the poller waits for.
func rawOf(v any) syscall.RawConn {
	c, ok := v.(syscall.Conn)
	if !ok || !splices {
		return nil
	}
	raw, err := c.SyscallConn()
	if err != nil || !pollable(v) || appends(raw) {
		return nil
	}
	return raw
}

// pollable tells files that the poller waits for, which have deadlines, from those for which a thread has to wait.
func pollable(v any) bool {
	f, ok := v.(*os.File)
	return !ok || f.SetDeadline(time.Time{}) == nil
}
