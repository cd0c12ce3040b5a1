package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
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
