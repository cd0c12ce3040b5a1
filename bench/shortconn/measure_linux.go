package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// roleEnv says which program a process is; without it, it is the one that measures.
const roleEnv = "SOCKEYE_SHORTCONN_ROLE"

// The programs that are compared, the first being what the others are divided by.
var (
	servers = []string{"Go net", "AcceptEx", "AcceptEx on a port, io_uring", "AcceptEx on a port, epoll", "Serve, io_uring", "Serve, epoll"}
	reusers = []string{"close and socket", "DisconnectEx", "net.Dial and Close", "ConnectEx and DisconnectEx",
		"port, io_uring, close and socket", "port, io_uring, DisconnectEx", "port, epoll, close and socket", "port, epoll, DisconnectEx"}
)

// row is what a program came to: medians of its runs.
type row struct {
	Name string    `json:"name"`
	CPU  float64   `json:"cpu_us_per_connection"`
	Rate float64   `json:"connections_per_second"`
	CPUs []float64 `json:"cpus"`
	base int       // the row that it is compared with
}

func measure(o *options) (*report, error) {
	r := &report{Machine: lab.Machine(), Time: time.Now().UTC().Format(time.DateOnly)}
	var err error
	if strings.Contains(o.parts, "accept") {
		if r.Accept, err = inTurns(o, servers, func(name string) (usage, error) { return oneServer(o, name) }); err != nil {
			return nil, err
		}
	}
	if strings.Contains(o.parts, "reuse") {
		if r.Reuse, err = inTurns(o, reusers, func(name string) (usage, error) { return oneClient(o, name) }); err != nil {
			return nil, err
		}
		for i := range r.Reuse {
			r.Reuse[i].base = i &^ 1 // each with the one before, which does the same without
		}
	}
	if strings.Contains(o.parts, "fastopen") {
		r.FastOpen, r.Missing = fastOpen(o)
	}
	return r, nil
}

// usage is what a run took.
type usage struct {
	cpu   time.Duration
	conns int
	time  time.Duration
}

func inTurns(o *options, names []string, once func(name string) (usage, error)) ([]row, error) {
	rows := make([]row, len(names))
	rates := make([][]float64, len(names))
	for range o.rounds {
		for i, name := range names {
			u, err := once(name)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			rows[i].Name = name
			rows[i].CPUs = append(rows[i].CPUs, float64(u.cpu.Nanoseconds())/1000/float64(max(u.conns, 1)))
			rates[i] = append(rates[i], float64(u.conns)/u.time.Seconds())
		}
	}
	for i := range rows {
		rows[i].CPU, rows[i].Rate = median(rows[i].CPUs), median(rates[i])
	}
	return rows, nil
}

func median(all []float64) float64 {
	v := slices.Clone(all)
	slices.Sort(v)
	return v[len(v)/2]
}

// oneServer loads a server with clients and takes its processor time.
func oneServer(o *options, name string) (usage, error) {
	server, err := start(o.cpu, name)
	if err != nil {
		return usage{}, err
	}
	defer server.end()
	load, err := start(o.otherCPU, fmt.Sprintf("load %s %d", server.said, o.clients))
	if err != nil {
		return usage{}, err
	}
	defer load.end()
	return took(o, server, load)
}

// oneClient has a client connect again and again.
func oneClient(o *options, name string) (usage, error) {
	server, err := start(o.otherCPU, "Go net")
	if err != nil {
		return usage{}, err
	}
	defer server.end()
	client, err := start(o.cpu, "client "+server.said+" "+name)
	if err != nil {
		return usage{}, err
	}
	defer client.end()
	return took(o, client, client)
}

// took compares the processor time of one program with the connections of another, over the time of a run.
func took(o *options, measured, counts *program) (u usage, err error) {
	time.Sleep(time.Duration(o.seconds * float64(time.Second) / 5)) // until it is warm
	var cpu [2]time.Duration
	var conns [2]int
	begin := time.Now()
	for i := range 2 {
		if cpu[i], err = measured.cpu(); err != nil {
			return u, err
		}
		if conns[i], err = counts.count(); err != nil {
			return u, err
		}
		if i == 0 {
			time.Sleep(time.Duration(o.seconds * float64(time.Second)))
		}
	}
	return usage{cpu[1] - cpu[0], conns[1] - conns[0], time.Since(begin)}, nil
}

// program is a child in a role. It says one line when it is ready, and its number of connections whenever it is asked.
type program struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said string
}

func start(cpu int, role string) (*program, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &program{cmd: exec.Command(self)}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+role)
	p.cmd.Stderr = os.Stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := lab.StartOn(cpu, p.cmd); err != nil {
		return nil, err
	}
	if p.said, err = p.out.ReadString('\n'); err != nil {
		p.end()
		return nil, fmt.Errorf("%s says nothing: %w", role, err)
	}
	p.said = strings.TrimSpace(p.said)
	return p, nil
}

func (p *program) end() {
	_ = p.in.Close()
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *program) count() (n int, err error) {
	if _, err = io.WriteString(p.in, "?\n"); err == nil {
		_, err = fmt.Fscanln(p.out, &n)
	}
	return n, err
}

// cpu is the processor time of all its threads so far (clock_getcpuclockid(3)).
func (p *program) cpu() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(int32(^p.cmd.Process.Pid)<<3|2, &t)
	return time.Duration(t.Nano()), err
}
