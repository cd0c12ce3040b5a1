package main

import (
	"io"
	"net/netip"
	"os"
	"os/exec"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// churnLimit bounds the churners: a test that dies must not leave them running.
const churnLimit = 5 * time.Minute

// churnAddr is where the churners' sockets are, so that a test can tell them from the stable ones: 127.9.0.0/16.
var churnAddr = netip.MustParseAddrPort("127.9.0.1:0")

// untilEOF calls f until standard input ends, or churnLimit has passed.
func untilEOF(f func(i int)) {
	var stop atomic.Bool
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop.Store(true)
	}()
	for i, end := 0, time.Now().Add(churnLimit); !stop.Load() && time.Now().Before(end); i++ {
		f(i)
	}
	os.Exit(0)
}

// churn opens and closes connections at full speed, n at a time. Every second close is a reset, which leaves no TIME_WAIT.
func churn(m *maker, n int) {
	l, at := listener(churnAddr, 0, n+1)
	m.own(l, "LISTEN")
	m.ready()
	fds := make([]int, 0, 2*n)
	untilEOF(func(int) {
		for i := range n {
			c, s := pairOn(l, at, 0)
			if i%2 == 0 {
				check(unix.SetsockoptLinger(c, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), "linger")
			}
			fds = append(fds, c, s)
		}
		for _, fd := range fds {
			closeFD(fd)
		}
		fds = fds[:0]
	})
}

// churnProcesses starts processes that open a few sockets and end at once, n at a time.
func churnProcesses(m *maker, n int) {
	m.ready()
	cmds := make([]*exec.Cmd, n)
	untilEOF(func(int) {
		for i := range cmds {
			cmds[i] = exec.Command("/proc/self/exe", "-blink", "8")
			check(cmds[i].Start(), "start")
		}
		for _, c := range cmds {
			check(c.Wait(), "wait")
		}
	})
}

// blink opens n listeners and ends.
func blink(_ *maker, n int) {
	for range n {
		listener(churnAddr, 0, 1)
	}
	os.Exit(0)
}
