package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// row is what a way came to: medians of its runs.
type row struct {
	Name   string    `json:"name"`
	Rate   float64   `json:"per_second"`
	CPU    float64   `json:"cpu_us"`
	GB     float64   `json:"cpu_ms_per_gb,omitempty"`
	Packs  float64   `json:"packets,omitempty"`
	Failed string    `json:"failed,omitempty"`
	Rates  []float64 `json:"rates"`
}

// sample is one run.
type sample struct{ rate, cpu, gb, packets float64 }

// files measures the servers with a file of so many bytes.
func (b *bench) files(size int) ([]row, error) {
	subjects := b.subjects()
	names := make([]string, len(subjects))
	for i, s := range subjects {
		names[i] = s.name
	}
	return b.inTurns(names, func(i int) (sample, error) { return b.serve(subjects[i], size) })
}

// inTurns runs each way once, and all of them again and again.
func (b *bench) inTurns(names []string, once func(i int) (sample, error)) ([]row, error) {
	samples := make([][]sample, len(names))
	rows := make([]row, len(names))
	for range b.rounds {
		for i := range names {
			one, err := once(i)
			if err != nil {
				rows[i].Failed = err.Error()
				continue
			}
			samples[i] = append(samples[i], one)
		}
	}
	for i, name := range names {
		rows[i].Name = name
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
	r.GB = median(all, func(s sample) float64 { return s.gb })
	r.Packs = median(all, func(s sample) float64 { return s.packets })
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

// serve starts a server, loads it, and ends it.
func (b *bench) serve(s subject, size int) (sample, error) {
	port, err := lab.FreePort()
	if err != nil {
		return sample{}, err
	}
	if s.http {
		if err := b.writeConf(port); err != nil {
			return sample{}, err
		}
	}
	args := slices.Clone(s.args)
	for i := range args {
		args[i] = strings.NewReplacer("PORT", strconv.Itoa(port), "FILE", b.file(size)).Replace(args[i])
	}
	server := command(args...)
	if err := lab.StartOn(b.serverCPU, server); err != nil {
		return sample{}, err
	}
	defer end(server)
	load := command(b.path("load"), "-n", strconv.Itoa(b.conns), "-p", strconv.Itoa(port), "-P", strconv.Itoa(server.Process.Pid),
		"-d", seconds(b.seconds), "-r", "/"+filepath.Base(b.file(size)))
	if !s.http {
		load.Args = append(load.Args, "-t", strconv.Itoa(size+300))
	}
	return b.output(b.clientCPU, load, "rps", "srvcpu_us", "cpu_per_gb", "pkts")
}

// packetCase is a round of TransmitPackets.
type packetCase struct {
	name, what string
	gro        bool
}

var packetCases = []packetCase{
	{"gather of 64 blocks of 256 B with 4 KiB file parts", "gather", false},
	{"64 datagrams of 1000 B", "equal", false},
	{"64 datagrams of 1000 B, to a receiver with UDP_GRO", "equal", true},
	{"64 datagrams of 100 to 1400 B", "mixed", false},
}

func (b *bench) packets(c packetCase) ([]row, error) {
	ways := []string{"today", "plain", "io_uring", "epoll"}
	names := []string{"WriteTo", "TransmitPackets", "TransmitPackets on a port, io_uring", "TransmitPackets on a port, epoll"}
	if c.what == "gather" {
		names[0] = "Write and io.Copy"
	}
	return b.inTurns(names, func(i int) (sample, error) { return b.send(c, ways[i]) })
}

func (b *bench) send(c packetCase, way string) (sample, error) {
	port, err := lab.FreePort()
	if err != nil {
		return sample{}, err
	}
	addr := "127.0.0.1:" + strconv.Itoa(port)
	sink := command(b.path("sender"), "-sink", "-what", c.what, "-addr", addr, "-gro="+strconv.FormatBool(c.gro))
	if err := lab.StartOn(b.clientCPU, sink); err != nil {
		return sample{}, err
	}
	defer end(sink)
	time.Sleep(200 * time.Millisecond) // it begins to listen
	return b.output(b.serverCPU, command(b.path("sender"), "-what", c.what, "-way", way, "-addr", addr, "-file", b.file(1<<20), "-seconds", seconds(b.seconds)),
		"rate", "cpu_us")
}

func seconds(s float64) string { return strconv.FormatFloat(s, 'f', 2, 64) }

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// output runs a program on a processor and reads its line of words like rps=1234.
func (b *bench) output(cpu int, cmd *exec.Cmd, words ...string) (s sample, err error) {
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := lab.StartOn(cpu, cmd); err != nil {
		return s, err
	}
	if err := cmd.Wait(); err != nil {
		return s, fmt.Errorf("%w: %s", err, out.String())
	}
	to := []*float64{&s.rate, &s.cpu, &s.gb, &s.packets}
	found := 0
	for _, w := range strings.Fields(out.String()) {
		k, v, _ := strings.Cut(w, "=")
		if i := slices.Index(words, k); i >= 0 {
			if *to[i], err = strconv.ParseFloat(v, 64); err != nil {
				return s, err
			}
			found++
		}
	}
	if found != len(words) {
		return s, fmt.Errorf("the program said %q", out.String())
	}
	return s, nil
}
