package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// startLoad starts the processes that hold connections, of which some talk.
func startLoad(o options, sends int) (stop func(), err error) {
	var ends []io.Closer
	var children []*exec.Cmd
	stop = func() {
		for _, e := range ends {
			e.Close()
		}
		for _, c := range children {
			_ = c.Wait() // it was asked to end
		}
	}
	for i := range o.holders {
		cmd := exec.Command("/proc/self/exe", "hold", strconv.Itoa(i), strconv.Itoa(o.connections/o.holders), strconv.Itoa(sends/o.holders))
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		in, err := cmd.StdinPipe()
		if err != nil {
			return stop, err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return stop, err
		}
		if err := cmd.Start(); err != nil {
			return stop, err
		}
		ends, children = append(ends, in), append(children, cmd)
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			return stop, fmt.Errorf("holder %d ended early: %w", i, err)
		}
	}
	return stop, nil
}

// hold holds both ends of connections, of which some send 64 bytes each second, until its standard input ends.
func hold(args []string) error {
	var number [3]int // which holder it is, connections, those that talk
	for i := range number {
		n, err := strconv.Atoi(args[i])
		if err != nil {
			return err
		}
		number[i] = n
	}
	l, err := net.Listen("tcp4", fmt.Sprintf("127.0.%d.1:8000", number[0]+1))
	if err != nil {
		return err
	}
	var from, to []net.Conn
	for i := range number[1] {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(number[0]+1), byte(i>>7), 1)}}
		c, err := d.Dial("tcp4", l.Addr().String())
		if err != nil {
			return err
		}
		s, err := l.Accept()
		if err != nil {
			return err
		}
		from, to = append(from, c), append(to, s)
	}
	fmt.Println("ready")
	go func() {
		for buf := make([]byte, 64); ; time.Sleep(time.Second) {
			for i := range number[2] {
				_, _ = from[i].Write(buf)
				_, _ = io.ReadFull(to[i], buf)
			}
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
