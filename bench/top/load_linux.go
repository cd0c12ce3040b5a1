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

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// The roles in which the program starts itself again. Each writes a line when it is ready, and ends with its standard input.
var roles = map[string]func(args []string) error{"hold": lab.Hold, "churn": churn, "idle": idle}

// startLoad starts the processes that hold connections, and those that only are there.
func startLoad(o options) (stop func(), err error) {
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
	start := func(words ...any) error {
		args := make([]string, len(words))
		for i, w := range words {
			args[i] = fmt.Sprint(w)
		}
		cmd := exec.Command("/proc/self/exe", args...)
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		ends, children = append(ends, in), append(children, cmd)
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			return fmt.Errorf("%v ended early: %w", words, err)
		}
		return nil
	}
	for i := range o.holders {
		if err := start("hold", i, o.connections/o.holders, o.sends/o.holders); err != nil {
			return stop, err
		}
	}
	if o.rate > 0 {
		if err := start("churn", o.rate); err != nil {
			return stop, err
		}
	}
	for range o.idle {
		if err := start("idle"); err != nil {
			return stop, err
		}
	}
	return stop, nil
}

// churn opens connections, which live 5 ms, 50 ms, 500 ms and 2 s in turn.
func churn(args []string) error {
	rate, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:9000")
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, c) // until the other end closes
				c.Close()
			}()
		}
	}()
	fmt.Println("ready")
	lives := []time.Duration{5, 50, 500, 2000}
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(rate))
		for i := 0; ; i++ {
			<-tick.C
			c, err := net.Dial("tcp4", l.Addr().String())
			if err != nil {
				continue // out of ports for the moment
			}
			_, _ = c.Write(make([]byte, 100))
			time.AfterFunc(lives[i%len(lives)]*time.Millisecond, func() { c.Close() })
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func idle([]string) error {
	for range 20 {
		if _, err := unix.Open("/dev/null", unix.O_RDONLY, 0); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
