package completion_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/sockeye-net/sockeye/completion"
)

// An echo server, and a client of it.
func ExampleServe() {
	l, err := completion.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	addr, _ := l.Addr()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	over := make(chan error)
	go func() {
		over <- completion.Serve(ctx, l, func(c *completion.Conn, block []byte) error { return c.Send(block) }, nil)
	}()

	client, err := net.Dial("tcp", addr.String())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.WriteString(client, "hello")
	b := make([]byte, 5)
	_, _ = io.ReadFull(client, b)
	_ = client.Close()
	fmt.Printf("%s\n", b)
	stop()
	fmt.Println(<-over)
	// Output:
	// hello
	// <nil>
}

// A port by itself: what is submitted comes back with its result.
func ExamplePort() {
	port, err := completion.Open(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer port.Close()
	l, err := port.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	addr, _ := l.LocalAddr()
	client, _ := net.Dial("tcp", addr.String())
	defer client.Close()
	_, _ = io.WriteString(client, "first block")

	accept := &completion.Op{Kind: completion.Accept, Handle: l, Buf: make([]byte, 100)}
	if err := port.Submit(accept); err != nil {
		fmt.Println(err)
		return
	}
	done := make([]*completion.Op, 8)
	n, err := port.Wait(done, -1)
	fmt.Println(n, err, done[0] == accept, string(accept.Buf[:accept.N]))
	_ = accept.Conn.Close()
	// Output: 1 <nil> true first block
}
