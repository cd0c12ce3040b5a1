package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a program in a terminal of its own, whose output is read and, until somebody waits for it, thrown away.
type terminal struct {
	cmd    *exec.Cmd
	master *os.File
	mu     sync.Mutex
	out    bytes.Buffer // since mark
	more   chan struct{}
	began  time.Time
	done   sync.WaitGroup
}

// width and height of the terminals, in cells.
const width, height = 200, 60

func inTerminal(words ...string) (*terminal, error) {
	master, slave, err := openPTY()
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	t := &terminal{cmd: exec.Command(words[0], words[1:]...), master: master, more: make(chan struct{}, 1)}
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = slave, slave, slave
	t.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8", "HOME=/"}
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	t.began = time.Now()
	if err := t.cmd.Start(); err != nil {
		master.Close()
		return nil, err
	}
	t.done.Go(t.read)
	return t, nil
}

func openPTY() (master, slave *os.File, err error) {
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}

func (t *terminal) read() {
	buf := make([]byte, 64<<10)
	for {
		n, err := t.master.Read(buf)
		if err != nil {
			return
		}
		t.mu.Lock()
		t.out.Write(buf[:n])
		if t.out.Len() > 4<<20 {
			t.out.Reset() // nobody waits for it
		}
		t.mu.Unlock()
		select {
		case t.more <- struct{}{}:
		default:
		}
	}
}

func (t *terminal) mark() {
	t.mu.Lock()
	t.out.Reset()
	t.mu.Unlock()
}

// wait waits until the output since the mark has a text; "" is anything.
func (t *terminal) wait(text string) error {
	limit := time.After(10 * time.Second)
	for {
		t.mu.Lock()
		seen := t.out.Len() > 0 && bytes.Contains(t.out.Bytes(), []byte(text))
		t.mu.Unlock()
		if seen {
			return nil
		}
		select {
		case <-t.more:
		case <-limit:
			return fmt.Errorf("%s: no %q within 10 s", t.cmd.Args[0], text)
		}
	}
}

// press presses keys, and waits for the answer.
func (t *terminal) press(keys, answer string) (time.Duration, error) {
	t.mark()
	began := time.Now()
	if _, err := t.master.WriteString(keys); err != nil {
		return 0, err
	}
	err := t.wait(answer)
	return time.Since(began), err
}

// cpu is the processor time of the program, and of those that it ran and waited for.
func (t *terminal) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if fields[0] == "Z" {
		return 0, fmt.Errorf("%s has ended", t.cmd.Args[0])
	}
	sum := 0
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime of proc(5)
		n, err := strconv.Atoi(f)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return time.Duration(sum) * 10 * time.Millisecond, nil // USER_HZ is 100
}

func (t *terminal) peak() string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", t.cmd.Process.Pid))
	for line := range strings.Lines(string(text)) {
		if kib, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.Atoi(strings.Fields(kib)[0])
			return strconv.Itoa(n / 1024)
		}
	}
	return ""
}

func (t *terminal) end() {
	_ = t.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(3*time.Second, func() { _ = t.cmd.Process.Kill() })
	_ = t.cmd.Wait() // it ends by the signal
	late.Stop()
	t.master.Close()
	t.done.Wait()
}
