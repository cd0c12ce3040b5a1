package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// row is what a server came to in a case: medians of its runs.
type row struct {
	Name   string    `json:"name"`
	Rate   float64   `json:"requests_per_second"`
	CPU    float64   `json:"server_cpu_us_per_request"`
	P50    float64   `json:"p50_us"`
	P99    float64   `json:"p99_us"`
	Failed string    `json:"failed,omitempty"`
	Rates  []float64 `json:"rates"`
}

// sample is one of them.
type sample struct{ rate, cpu, p50, p99 float64 }

func measure(o *options, client string, subjects []subject, c load) ([]row, error) {
	samples := make([][]sample, len(subjects))
	rows := make([]row, len(subjects))
	for range o.rounds {
		for i, s := range subjects {
			one, err := once(o, client, s, c)
			if err != nil {
				rows[i].Failed = err.Error()
				continue
			}
			samples[i] = append(samples[i], one)
		}
	}
	for i, s := range subjects {
		rows[i].Name = s.name
		rows[i].fill(samples[i])
	}
	return rows, nil
}

func (r *row) fill(all []sample) {
	if len(all) == 0 {
		return
	}
	r.Rate = median(all, func(s sample) float64 { return s.rate })
	r.CPU = median(all, func(s sample) float64 { return s.cpu })
	r.P50 = median(all, func(s sample) float64 { return s.p50 })
	r.P99 = median(all, func(s sample) float64 { return s.p99 })
	for _, s := range all {
		r.Rates = append(r.Rates, s.rate)
	}
}

func median(all []sample, of func(sample) float64) float64 {
	v := make([]float64, len(all))
	for i, s := range all {
		v[i] = of(s)
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// once starts a server, loads it, and ends it.
func once(o *options, client string, s subject, c load) (sample, error) {
	server, port, err := start(o, s)
	if err != nil {
		return sample{}, err
	}
	defer end(server)
	return loadWith(o, client, server.Process.Pid, port, c)
}

// start starts a server.
func start(o *options, s subject) (server *exec.Cmd, port int, err error) {
	if port, err = lab.FreePort(); err != nil {
		return nil, 0, err
	}
	args := slices.Clone(s.args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "PORT", strconv.Itoa(port))
	}
	server = exec.Command(args[0], args[1:]...)
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := lab.StartOn(o.serverCPU, server); err != nil {
		return nil, 0, err
	}
	time.Sleep(300 * time.Millisecond) // it starts: its processor time counts from the load's beginning
	return server, port, nil
}

func end(server *exec.Cmd) {
	_ = server.Process.Kill()
	_ = server.Wait()
}

func loadWith(o *options, client string, pid, port int, c load) (sample, error) {
	var out strings.Builder
	cmd := exec.Command(client, "-n", strconv.Itoa(c.Conns), "-s", strconv.Itoa(c.Size), "-p", strconv.Itoa(port),
		"-P", strconv.Itoa(pid), "-d", strconv.FormatFloat(o.seconds, 'f', 2, 64))
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := lab.StartOn(o.clientCPU, cmd); err != nil {
		return sample{}, err
	}
	if err := cmd.Wait(); err != nil {
		return sample{}, fmt.Errorf("%w: %s", err, out.String())
	}
	return parseSample(out.String())
}

// parseSample reads the client's line: words like rps=1234.
func parseSample(line string) (s sample, err error) {
	to := map[string]*float64{"rps": &s.rate, "p50": &s.p50, "p99": &s.p99, "srvcpu_us": &s.cpu}
	found := 0
	for _, w := range strings.Fields(line) {
		k, v, _ := strings.Cut(w, "=")
		if p := to[k]; p != nil {
			if *p, err = strconv.ParseFloat(v, 64); err != nil {
				return s, err
			}
			found++
		}
	}
	if found != len(to) {
		return s, fmt.Errorf("the client said %q", line)
	}
	return s, nil
}
