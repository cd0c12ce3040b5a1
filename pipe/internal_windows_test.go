package pipe

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"
)

// What a deadline has left with this end of a message is not read after the next deadline, nor after Close.
func TestKeptRest(t *testing.T) {
	for _, how := range []struct {
		name string
		end  func(c *Conn) error
		want error
	}{
		{"deadline", func(c *Conn) error { return c.SetReadDeadline(time.Unix(1, 0)) }, ErrTimeout},
		{"close", (*Conn).Close, ErrClosed},
	} {
		l, err := Listen(fmt.Sprintf(`\\.\pipe\sockeye rest %d`, os.Getpid()), &Config{Type: Message, ReadMode: Message})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := Dial(t.Context(), l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.in.rest = []byte("rest")
		if err := how.end(c); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 9)
		if n, err := c.Read(b); n != 0 || !errors.Is(err, how.want) {
			t.Errorf("%s: Read: %q, %v", how.name, b[:n], err)
		}
		if m, err := c.ReadMessage(nil); len(m) != 0 || !errors.Is(err, how.want) {
			t.Errorf("%s: ReadMessage: %q, %v", how.name, m, err)
		}
		if how.want != ErrTimeout {
			continue
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if m, err := c.ReadMessage(nil); string(m) != "rest" || err != nil {
			t.Errorf("without the deadline: %q, %v", m, err)
		}
	}
}
