package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/sockeye-net/sockeye/pipe"
)

const childArg = "child"

// child is the server of one connection, or of the idle ones: SUBJECT PATH echo|sink|idle SIZE.
func child(args []string) error {
	s := find(args[0])
	size, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	l, err := s.listen(args[1])
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("ready")
	if args[2] == "idle" {
		return idle(l, size)
	}
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer c.Close()
	m := messages{s, c}
	if args[2] == "echo" {
		return echo(m, size)
	}
	return sink(m, size)
}

func echo(m messages, size int) error {
	b := make([]byte, size)
	for {
		n, err := m.read(b)
		if err != nil {
			return end(err)
		}
		if err := m.write(b[:n]); err != nil {
			return err
		}
	}
}

// touched is memory that the kernel has given already, so that this is not measured.
func touched(size int) []byte {
	b := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		b[i] = 1
	}
	return b
}

func end(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// sink reads to the end, as one does who wants what there is, and then says that it has it all. Bytes are read with a buffer
// of the writer's size.
func sink(m messages, size int) error {
	b := touched(size)
	read := m.c.Read
	if m.framed || size > 1<<20 {
		read = m.read
	}
	for {
		if _, err := read(b); err != nil {
			if end(err) != nil {
				return err
			}
			_, err = m.c.Write([]byte("done"))
			return err
		}
	}
}

// idle accepts n connections, has a goroutine read from each, and says how much memory a connection takes.
func idle(l net.Listener, n int) error {
	before := inUse()
	var keep []net.Conn
	for range n {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		keep = append(keep, c)
		go func() { c.Read(make([]byte, 1)) }()
	}
	time.Sleep(100 * time.Millisecond)
	fmt.Println((inUse() - before) / int64(n))
	runtime.KeepAlive(keep)
	return nil
}

func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// process is a child that serves.
type process struct {
	cmd  *exec.Cmd
	out  io.Reader
	path string
	dir  string
}

func start(s subject, what string, size int) (*process, error) {
	dir, err := os.MkdirTemp("", "pipe")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, path: filepath.Join(dir, "s")}
	p.cmd = exec.Command(os.Args[0], childArg, s.name, p.path, what, strconv.Itoa(size))
	p.cmd.Stderr = os.Stderr
	p.out, err = p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err == nil {
		_, err = fmt.Fscanln(p.out, new(string))
	}
	return p, err
}

func (p *process) end() error {
	defer os.RemoveAll(p.dir)
	return p.cmd.Wait()
}

func closeWrite(c net.Conn) error {
	switch c := c.(type) {
	case *pipe.Conn:
		return c.CloseWrite()
	case *net.UnixConn:
		return c.CloseWrite()
	}
	return errors.ErrUnsupported
}
