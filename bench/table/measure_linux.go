package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// subject is one program that is measured.
type subject struct {
	name   string
	args   []string
	env    []string
	pinned bool   // run while the programs of `sockeye setup` are in the kernel
	reread bool   // it measures itself
	codes  []int  // exit codes that mean success, beside 0
	peer   string // whom it is compared with; "" for the peers
	target map[int]float64
}

// subjects are all of them, in the order in which they take turns. The targets are the project's own.
func subjects(bin string, port int) []subject {
	sockeye, self := filepath.Join(bin, "sockeye"), "/proc/self/exe"
	p := strconv.Itoa(port)
	return []subject{
		{name: "ss -tanp", args: []string{"ss", "-tanp"}},
		{name: "ss -tan", args: []string{"ss", "-tan"}},
		{name: "ss -tlnp sport = :PORT", args: []string{"ss", "-tlnp", "sport", "=", ":" + p}},
		{name: "netstat -tanp", args: []string{"netstat", "-tanp"}},
		{name: "lsof -nP -iTCP", args: []string{"lsof", "-nP", "-iTCP"}},
		{name: "gopsutil net.Connections", args: []string{filepath.Join(bin, "gopsutil")}},
		{name: "sockeye list -tanp", args: []string{sockeye, "list", "-tanp"}, peer: "ss -tanp", target: targets(6, 15, 300)},
		{name: "sockeye list -tanp, without BPF", args: []string{sockeye, "list", "-tanp"}, env: []string{"SOCKEYE_METHOD=sock-diag"},
			peer: "ss -tanp", target: targets(1.5, 2, 50)},
		{name: "sockeye who PORT", args: []string{sockeye, "who", p}, peer: "ss -tlnp sport = :PORT", target: targets(5, 15, 50)},
		{name: "table read again, owners and counters", args: []string{self, "reread", "20"}, reread: true, peer: "ss -tan", target: targets(6, 8, 10)},
		{name: "sockeye list -tanp, after setup", args: []string{sockeye, "list", "-tanp"}, pinned: true, peer: "ss -tanp", target: targets(12, 30, 500)},
		{name: "sockeye who PORT, after setup", args: []string{sockeye, "who", p}, pinned: true, peer: "ss -tlnp sport = :PORT"},
	}
}

func targets(k1, k10, k100 float64) map[int]float64 {
	return map[int]float64{1000: k1, 10_000: k10, 100_000: k100}
}

// sample is one run of a program.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // bytes
}

// series are the runs of one subject at one size.
type series struct {
	subject subject
	samples []sample
	spent   time.Duration
	err     error
}

// measure lets the subjects take turns, so that what disturbs the machine disturbs all of them alike. A subject whose time
// is up, or that failed, is passed over.
func measure(o options, n, port int) (sizeResult, error) {
	var all []*series
	for _, s := range subjects(o.bin, port) {
		all = append(all, &series{subject: s})
	}
	pins := &pinner{sockeye: filepath.Join(o.bin, "sockeye")}
	defer pins.set(false)
	for range o.rounds {
		for _, s := range all {
			if s.err != nil || len(s.samples) > 0 && s.spent+s.spent/time.Duration(len(s.samples)) > o.limit {
				continue
			}
			if s.err = pins.set(s.subject.pinned); s.err == nil {
				s.err = s.runOnce()
			}
		}
	}
	return resultOf(n, all), nil
}

// pinner runs `sockeye setup` and its undoing, when it must.
type pinner struct {
	sockeye string
	known   bool
	pinned  bool
}

func (p *pinner) set(want bool) error {
	if p.known && p.pinned == want {
		return nil
	}
	args := []string{"setup"}
	if !want {
		args = append(args, "--undo")
	}
	if out, err := exec.Command(p.sockeye, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("sockeye %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	p.known, p.pinned = true, want
	return nil
}

// runOnce runs the program once, its output thrown away.
func (s *series) runOnce() error {
	cmd := exec.Command(s.subject.args[0], s.subject.args[1:]...)
	cmd.Env = append(os.Environ(), s.subject.env...)
	var out, errOut bytes.Buffer
	cmd.Stderr = &errOut
	if s.subject.reread {
		cmd.Stdout = &out
	}
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	s.spent += wall
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains(s.subject.codes, exit.ExitCode()) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("%w %s", err, bytes.TrimSpace(errOut.Bytes()))
	}
	return s.add(cmd, wall, out.String())
}

func (s *series) add(cmd *exec.Cmd, wall time.Duration, out string) error {
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	one := sample{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss: int64(usage.Maxrss) << 10}
	if !s.subject.reread {
		s.samples = append(s.samples, one)
		return nil
	}
	for line := range strings.Lines(out) {
		ns, err := strconv.ParseInt(strings.Fields(line)[0], 10, 64)
		if err != nil {
			return err
		}
		s.samples = append(s.samples, sample{wall: time.Duration(ns), rss: one.rss})
	}
	return nil
}

func median[T cmp.Ordered](samples []sample, of func(sample) T) (m T) {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	if len(values) > 0 {
		m = values[len(values)/2]
	}
	return m
}
