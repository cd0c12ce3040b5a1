package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// hold is the role of a process that holds connections. It listens, says where, is told where to connect to, connects and
// accepts, and says that it is done. From then on, until its standard input ends, some of its connections send 64 bytes
// each second, and it reads what the others' bring. At the end it says how many sends there were in a second.
func hold(args []string) error {
	n, err := numbers(args)
	if err != nil {
		return err
	}
	connects, accepts, sends := n[0], n[1], n[2]
	if err := raiseFiles(uint64(connects + accepts + 100)); err != nil {
		return err
	}
	s, p4, p6, err := listenBoth(accepts)
	if err != nil {
		return err
	}
	fmt.Println(p4, p6)
	if _, err := fmt.Scan(&p4, &p6); err != nil {
		return err
	}
	go s.run()
	fds, err := connectAll(connects, p4, p6)
	if err != nil {
		return err
	}
	if accepts > 0 {
		<-s.arrived
	}
	fmt.Println("done")
	var sent atomic.Int64
	start := time.Now()
	go sendEachSecond(fds[len(fds)-min(sends, len(fds)):], &sent)
	err = untilInputEnds(s)
	fmt.Println(float64(sent.Load()) / time.Since(start).Seconds())
	return err
}

func numbers(args []string) (n []int, err error) {
	for _, a := range args {
		v, err := strconv.Atoi(a)
		if err != nil {
			return nil, err
		}
		n = append(n, v)
	}
	return n, nil
}

func listenBoth(accepts int) (s *server, p4, p6 uint16, err error) {
	l4, p4, err := listen(localhost4, unix.SOCK_NONBLOCK)
	if err != nil {
		return nil, 0, 0, err
	}
	l6, p6, err := listen(localhost6, unix.SOCK_NONBLOCK)
	if err != nil {
		return nil, 0, 0, err
	}
	s, err = newServer(nil, accepts, l4, l6)
	return s, p4, p6, err
}

// connectAll makes the connections; the first ones, one in twenty, are of IPv6.
func connectAll(n int, p4, p6 uint16) (fds []int, err error) {
	for i := range n {
		to := netip.AddrPortFrom(localhost4, p4)
		if i < n/20 {
			to = netip.AddrPortFrom(localhost6, p6)
		}
		fd, err := connect(netip.Addr{}, to)
		if err != nil {
			return fds, fmt.Errorf("connect: %w", err)
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// sendEachSecond sends on each connection once a second, a tenth of them every 100 ms.
func sendEachSecond(fds []int, sent *atomic.Int64) {
	const parts = 10
	start, buf := time.Now(), make([]byte, 64)
	for tick := 1; ; tick++ {
		time.Sleep(time.Until(start.Add(time.Duration(tick) * time.Second / parts)))
		for i := tick % parts; i < len(fds); i += parts {
			if _, err := unix.Write(fds[i], buf); errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
				return // the peer has ended: so will this process
			}
			sent.Add(1)
		}
	}
}
