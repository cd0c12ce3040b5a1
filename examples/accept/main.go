// A server of short exchanges: AcceptEx brings each connection together with its first block, which is answered. A client that
// says nothing for five seconds is let go.
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"time"

	"github.com/sockeye-net/sockeye/sockex"
)

func main() {
	l, err := net.Listen("tcp", ":7778")
	if err != nil {
		log.Fatal(err)
	}
	for range 16 { // so many are posted at once
		go serve(l.(*net.TCPListener))
	}
	select {}
}

func serve(l *net.TCPListener) {
	buf := make([]byte, 4096)
	for {
		a, err := sockex.AcceptEx(context.Background(), l, buf, &sockex.AcceptOptions{FirstBlock: 5 * time.Second})
		switch {
		case errors.Is(err, sockex.ErrIdle):
			log.Print(a.Remote, " has said nothing")
			continue
		case errors.Is(err, sockex.ErrClosed):
			return
		case err != nil:
			log.Print(err)
			continue
		}
		if _, err := a.Conn.Write(buf[:a.N]); err != nil {
			log.Print(a.Remote, ": ", err)
		}
		_ = a.Conn.Close()
	}
}
