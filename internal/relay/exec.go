package relay

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// How long a program has to end once its input and output are closed, and once it was asked to.
const (
	leaveTime = 2 * time.Second
	quitTime  = time.Second
)

// program is a process whose standard input and output are an end.
type program struct {
	cmd    *exec.Cmd
	in     *os.File // to its standard input
	out    *os.File // from its standard output
	exited chan error
	ending sync.Once
	asked  atomic.Bool // to end
	over   atomic.Bool // its output has ended
}

// Read reads what the program writes.
func (p *program) Read(b []byte) (int, error) {
	n, err := p.out.Read(b)
	if err != nil {
		p.over.Store(true)
	}
	return n, err
}

// startProgram starts args[0]. Its standard error is ours.
func startProgram(args []string, stderr io.Writer) (*end, error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		theirIn.Close()
		in.Close()
		return nil, err
	}
	p := &program{cmd: exec.Command(args[0], args[1:]...), in: in, out: out, exited: make(chan error, 1)}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirIn, theirOut, stderr
	err = p.cmd.Start()
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		in.Close()
		out.Close()
		return nil, err
	}
	go func() { p.exited <- p.cmd.Wait() }()
	return p.end(), nil
}

func (p *program) end() *end {
	return &end{Reader: p, Writer: p.in, name: "exec:" + p.cmd.Args[0], closeWrite: p.in.Close, closeRead: p.out.Close,
		close: p.close, deadline: p.out.SetReadDeadline, in: rawOf(p.out), out: rawOf(p.in), wait: p.wait}
}

// close closes both pipes. Where a read from a pipe is not ended by that, the program has to end first.
func (p *program) close() error {
	p.in.Close()
	if !closeEndsReads && !p.over.Load() {
		p.quit()
	}
	return p.out.Close()
}

// quit asks the program to end.
func (p *program) quit() {
	p.asked.Store(true)
	p.ending.Do(func() { terminate(p.cmd.Process) })
}

// wait waits until the program ends: by itself, which it has leaveTime for, or not.
func (p *program) wait() error {
	for _, step := range []struct {
		limit time.Duration
		then  func()
	}{{leaveTime, p.quit}, {quitTime, func() { p.cmd.Process.Kill() }}} {
		select {
		case err := <-p.exited:
			return p.failed(err)
		case <-time.After(step.limit):
			step.then()
		}
	}
	<-p.exited
	return nil
}

// failed is how the program ended, if it did so by itself and badly.
func (p *program) failed(err error) error {
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() > 0 && !p.asked.Load() {
		return fmt.Errorf("%s ended with exit status %d", p.cmd.Args[0], exit.ExitCode())
	}
	return nil
}
