package main

import (
	"bufio"
	"bytes"
	"errors"
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

// running is a watcher at work.
type running interface {
	cpu() (time.Duration, error) // user and system, since it began
	rss() (now, peak int64)      // bytes; 0 where it is not told
	end() (told, error)          // ends it, and says what it told
}

func start(s subject) (running, error) {
	if _, err := exec.LookPath(s.args[0]); err != nil {
		return nil, err
	}
	if s.repeat {
		r := &repeated{subject: s, quit: make(chan struct{}), done: make(chan struct{})}
		go r.run()
		return r, nil
	}
	return startProcess(s)
}

// process is a program that runs until it is interrupted.
type process struct {
	subject subject
	cmd     *exec.Cmd
	errText bytes.Buffer
	done    chan struct{} // its output ended
	told    told
}

func startProcess(s subject) (*process, error) {
	p := &process{subject: s, cmd: exec.Command(s.args[0], s.args[1:]...), done: make(chan struct{})}
	p.cmd.Stderr = &p.errText
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		lines := bufio.NewReaderSize(out, 1<<16)
		for err := error(nil); err == nil; {
			var line []byte
			if line, err = lines.ReadSlice('\n'); errors.Is(err, bufio.ErrBufferFull) {
				err = nil
			}
			if s.learn != nil && len(line) > 0 {
				s.learn(line, &p.told)
			}
		}
	}()
	return p, nil
}

// cpu reads the process's clock, which counts nanoseconds; its identifier is made as clock_getcpuclockid(3) makes it.
func (p *process) cpu() (time.Duration, error) {
	const sched = 2 // CPUCLOCK_SCHED of the whole process
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|sched), &ts)
	if err == nil && p.exited() {
		err = fmt.Errorf("it ended early")
	}
	return time.Duration(ts.Nano()), err
}

func (p *process) exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// rss is of this program's memory, unlike ru_maxrss, which begins with the peak of the parent.
func (p *process) rss() (now, peak int64) {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(p.cmd.Process.Pid) + "/status")
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		kib, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			now = kib << 10
		case "VmHWM:":
			peak = kib << 10
		}
	}
	return now, peak
}

func (p *process) end() (told, error) {
	early := p.exited()
	p.cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.done
	err := p.cmd.Wait()
	if early {
		return p.told, fmt.Errorf("ended early: %w: %s", errors.Join(err), firstLine(p.errText.String()))
	}
	return p.told, nil // how programs end when they are interrupted differs
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// repeated is a program that is run anew each second, its output thrown away.
type repeated struct {
	subject    subject
	quit, done chan struct{}

	mu    sync.Mutex
	spent time.Duration
	peak  int64
	err   error
}

func (r *repeated) run() {
	defer close(r.done)
	for tick := time.NewTicker(time.Second); ; {
		if err := r.once(); err != nil {
			r.mu.Lock()
			r.err = err
			r.mu.Unlock()
			return
		}
		select {
		case <-r.quit:
			return
		case <-tick.C:
		}
	}
}

func (r *repeated) once() error {
	cmd := exec.Command(r.subject.args[0], r.subject.args[1:]...)
	var errText bytes.Buffer
	cmd.Stderr = &errText
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, firstLine(errText.String()))
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spent += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.peak = max(r.peak, int64(usage.Maxrss)<<10)
	return nil
}

func (r *repeated) cpu() (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.spent, r.err
}

func (r *repeated) rss() (now, peak int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return 0, r.peak
}

func (r *repeated) end() (told, error) {
	close(r.quit)
	<-r.done
	return told{}, r.err
}
