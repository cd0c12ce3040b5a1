package relay

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/sockeye-net/sockeye/pipe"
)

// copyMessages moves messages. An end that has none has lines instead.
func (j *joint) copyMessages(dst, src *end, moved *atomic.Int64) error {
	next, put := reader(src), writer(dst)
	for {
		m, err := next()
		if err == nil {
			err = put(m)
			j.count(moved, len(m))
		}
		if err != nil {
			return j.ended(err)
		}
	}
}

// reader returns the next message of an end; its memory is the reader's.
func reader(e *end) func() ([]byte, error) {
	var buf []byte
	if e.messages != nil {
		return func() (_ []byte, err error) {
			buf, err = e.messages.ReadMessage(buf)
			return buf, err
		}
	}
	lines := bufio.NewReaderSize(e, 4096)
	return func() (line []byte, err error) {
		buf, err = readLine(lines, buf[:0])
		return buf, err
	}
}

// readLine reads a line of any length up to that of the longest message. The last one may lack its end.
func readLine(r *bufio.Reader, buf []byte) ([]byte, error) {
	for {
		part, err := r.ReadSlice('\n')
		buf = append(buf, part...)
		switch {
		case err == io.EOF && len(buf) > 0:
			return buf, nil
		case errors.Is(err, bufio.ErrBufferFull) && len(buf) <= pipe.DefaultMaxMessageSize:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("a line of more than %d bytes is too long for a message", pipe.DefaultMaxMessageSize)
		case err != nil:
			return nil, err
		}
		return bytes.TrimSuffix(buf[:len(buf)-1], []byte{'\r'}), nil
	}
}

func writer(e *end) func([]byte) error {
	write := func(m []byte) error {
		_, err := e.Write(append(m, '\n'))
		return err
	}
	if e.messages != nil {
		write = e.messages.WriteMessage
	}
	return func(m []byte) error {
		if err := write(m); err != nil {
			return &writeError{err}
		}
		return nil
	}
}
