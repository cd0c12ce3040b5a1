package pipe_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/sockeye-net/sockeye/pipe"
)

// A server of messages and a client that calls it. The same program runs on Linux and on Windows.
func Example() {
	l, err := pipe.Listen(`\\.\pipe\sockeye example`, &pipe.Config{Type: pipe.Message})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.AcceptPipe()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if question, err := c.ReadMessage(nil); err == nil {
					c.WriteMessage([]byte(strings.ToUpper(string(question))))
					c.Flush(context.Background())
				}
			}()
		}
	}()
	answer, err := pipe.Call(context.Background(), `\\.\pipe\sockeye example`, []byte("hello"), nil)
	fmt.Printf("%s %v\n", answer, err)
	// Output: HELLO <nil>
}
