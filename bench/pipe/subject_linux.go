package main

import (
	"context"
	"encoding/binary"
	"io"
	"net"

	"github.com/sockeye-net/sockeye/pipe"
)

// subject is a way to connect two processes. Its ends have boundaries where message is set.
type subject struct {
	name   string
	listen func(path string) (net.Listener, error)
	dial   func(path string) (net.Conn, error)
	framed bool // messages have a length before them, and are read in two reads
}

var subjects = []subject{
	{name: "net.UnixConn", listen: netListen, dial: netDial},
	{name: "pipe, bytes", listen: pipeListen(pipe.Byte), dial: pipeDial(pipe.Byte)},
	{name: "pipe, messages", listen: pipeListen(pipe.Message), dial: pipeDial(pipe.Message)},
	{name: "net.UnixConn, length prefix", listen: netListen, dial: netDial, framed: true},
}

func netListen(path string) (net.Listener, error) { return net.Listen("unix", path) }
func netDial(path string) (net.Conn, error)       { return net.Dial("unix", path) }

func pipeListen(m pipe.Mode) func(string) (net.Listener, error) {
	return func(path string) (net.Listener, error) {
		return pipe.Listen(path, &pipe.Config{Type: m, ReadMode: m})
	}
}

func pipeDial(m pipe.Mode) func(string) (net.Conn, error) {
	return func(path string) (net.Conn, error) {
		return pipe.Dial(context.Background(), path, &pipe.DialConfig{ReadMode: m})
	}
}

func find(name string) subject {
	for _, s := range subjects {
		if s.name == name {
			return s
		}
	}
	panic(name)
}

// message sends and receives messages as the subject has them.
type messages struct {
	subject
	c net.Conn
}

func (m messages) write(b []byte) error {
	if m.framed {
		var head [4]byte
		binary.LittleEndian.PutUint32(head[:], uint32(len(b)))
		if _, err := m.c.Write(head[:]); err != nil {
			return err
		}
	}
	_, err := m.c.Write(b)
	return err
}

// read reads a message into b, or as many bytes as a message would have.
func (m messages) read(b []byte) (int, error) {
	switch c := m.c.(type) {
	case *pipe.Conn:
		if c.Type() == pipe.Message {
			got, err := c.ReadMessage(b)
			return len(got), err
		}
	}
	if m.framed {
		var head [4]byte
		if _, err := io.ReadFull(m.c, head[:]); err != nil {
			return 0, err
		}
		b = b[:binary.LittleEndian.Uint32(head[:])]
	}
	return io.ReadFull(m.c, b)
}
