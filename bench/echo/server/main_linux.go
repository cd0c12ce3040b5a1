// Command server is the echo on package completion that bench/echo measures.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/sockeye-net/sockeye/completion"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9000", "where to listen")
	backend := flag.String("backend", "auto", "io_uring, epoll or auto")
	goroutines := flag.Int("goroutines", 0, "handlers in so many goroutines")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "ports")
	spin := flag.Duration("spin", 0, "how long to look before sleeping")
	hold := flag.Duration("hold", 100*time.Microsecond, "how long to keep the processor while sleeping")
	pool := flag.Int("pool", 0, "bytes of blocks; 0 is the default")
	spare := flag.Int("spare", 1, "how many processors Go has beside those of the ports")
	flag.Parse()
	runtime.GOMAXPROCS(*workers + *spare) // a port that holds its processor must leave one to the collector
	b, err := completion.ParseBackend(*backend)
	if err != nil {
		log.Fatal(err)
	}
	l, err := completion.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o := &completion.Options{Backend: b, Workers: *workers, Goroutines: *goroutines, Spin: *spin, Hold: *hold, Pool: *pool}
	echo := func(c *completion.Conn, block []byte) error { return c.Send(block) }
	if err := completion.Serve(ctx, l, echo, o); err != nil {
		log.Fatal(err)
	}
}
