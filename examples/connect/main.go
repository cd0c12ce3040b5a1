// A client that makes several connections with one socket: ConnectEx sends the request while it connects, and DisconnectEx
// makes the socket fit for the next one.
//
//	connect ADDRESS:PORT
package main

import (
	"context"
	"fmt"
	"log"
	"net/netip"
	"os"

	"github.com/sockeye-net/sockeye/sockex"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: connect ADDRESS:PORT")
	}
	to, err := netip.ParseAddrPort(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	var s *sockex.Socket // nil is a new one
	for i := range 3 {
		c, _, err := sockex.ConnectEx(ctx, s, to, fmt.Appendf(nil, "request %d\n", i), &sockex.ConnectOptions{FastOpen: true})
		if err != nil {
			log.Fatal(err)
		}
		answer := make([]byte, 4096)
		n, err := c.Read(answer)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%v: %s", c.LocalAddr(), answer[:n])
		if s, err = sockex.DisconnectEx(ctx, c, sockex.TF_REUSE_SOCKET); err != nil {
			log.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}
}
