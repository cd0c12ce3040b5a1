// Command gopsutilpoll watches the TCP connections as a program does that uses gopsutil: it lists them with their owners
// once a second, compares each list with the one before, and when it is interrupted says how many opened and closed.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/net"
)

type key struct{ local, remote net.Addr }

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	before, err := read()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	opened, closed := 0, 0
	for tick := time.Tick(time.Second); ; {
		select {
		case <-stop:
			fmt.Printf("{\"opened\":%d,\"closed\":%d}\n", opened, closed)
			return
		case <-tick:
		}
		now, err := read()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		opened += missing(now, before)
		closed += missing(before, now)
		before = now
	}
}

func read() (map[key]int32, error) {
	conns, err := net.Connections("tcp")
	if err != nil {
		return nil, err
	}
	now := make(map[key]int32, len(conns))
	for _, c := range conns {
		if c.Status != "TIME_WAIT" && c.Status != "LISTEN" {
			now[key{c.Laddr, c.Raddr}] = c.Pid
		}
	}
	return now, nil
}

// missing counts what is in a and not in b.
func missing(a, b map[key]int32) (n int) {
	for k := range a {
		if _, ok := b[k]; !ok {
			n++
		}
	}
	return n
}
