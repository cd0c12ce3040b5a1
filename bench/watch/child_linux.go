package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is this program in another role. It is asked by lines, answers each with one, and ends when its standard input does.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startRole(role string, args ...any) (*child, error) {
	words := []string{role}
	for _, a := range args {
		words = append(words, fmt.Sprint(a))
	}
	c := &child{cmd: exec.Command("/proc/self/exe", words...)}
	c.cmd.Env = append(os.Environ(), "GOMAXPROCS=2", "GOGC=off", "GOMEMLIMIT=64MiB")
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewScanner(out)
	return c, c.cmd.Start()
}

// line is the next one that the child writes.
func (c *child) line() (string, error) {
	if !c.out.Scan() {
		return "", fmt.Errorf("%s ended early", c.cmd.Args[1])
	}
	return c.out.Text(), nil
}

func (c *child) ask(question ...any) (string, error) {
	if _, err := fmt.Fprintln(c.in, question...); err != nil {
		return "", err
	}
	return c.line()
}

func (c *child) askNumber(question ...any) (float64, error) {
	s, err := c.ask(question...)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(s, 64)
}

// end ends the child and returns its last words.
func (c *child) end() (last string, err error) {
	c.in.Close()
	if c.cmd.Process == nil {
		return "", nil
	}
	late := time.AfterFunc(10*time.Second, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	for c.out.Scan() {
		last = c.out.Text()
	}
	return last, c.cmd.Wait()
}

// idlers are processes of one thread that hold 20 descriptors each, as the daemons of a machine do. They are `cat`, waiting
// for the end of a pipe.
type idlers []*child

func startIdlers(n int) (all idlers, err error) {
	for range n {
		c, err := startIdler()
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
	return all, nil
}

func startIdler() (*child, error) {
	files, err := idleFiles()
	defer closeAll(files)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("cat")
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &child{cmd: cmd, in: in}, cmd.Start()
}

func (all idlers) end() {
	for _, c := range all {
		c.in.Close()
	}
	for _, c := range all {
		late := time.AfterFunc(10*time.Second, func() { c.cmd.Process.Kill() })
		c.cmd.Wait()
		late.Stop()
	}
}

// idleFiles are 17 descriptors: four pipes, three pairs of Unix sockets, two event counters and a file.
func idleFiles() (files []*os.File, err error) {
	add := func(fds ...int) {
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "idle"))
		}
	}
	var errs []error
	for range 4 {
		var fd [2]int
		errs = append(errs, unix.Pipe2(fd[:], unix.O_CLOEXEC))
		add(fd[:]...)
	}
	for range 3 {
		fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		errs = append(errs, err)
		add(fd[:]...)
	}
	for range 2 {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		errs = append(errs, err)
		add(fd)
	}
	fd, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	add(fd)
	return files, errors.Join(append(errs, err)...)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
