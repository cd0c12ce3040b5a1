package lab

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// Hold holds both ends of connections on loopback, of which some send 64 bytes each second, until its standard input ends. Its
// arguments are which holder it is, how many connections, and how many of them talk; it says ready when they are there.
func Hold(args []string) error {
	var number [3]int
	for i, a := range args {
		n, err := strconv.Atoi(a)
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
