// An echo server on the completion port: io_uring, epoll or IOCP, whatever the machine has.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"

	"github.com/sockeye-net/sockeye/completion"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	l, err := completion.Listen("tcp", ":7777")
	if err != nil {
		log.Fatal(err)
	}
	echo := func(c *completion.Conn, block []byte) error { return c.Send(block) }
	if err := completion.Serve(ctx, l, echo, nil); err != nil {
		log.Fatal(err)
	}
}
