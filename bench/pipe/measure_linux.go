package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// The sizes of what goes one way, in bytes.
var oneWay = []int{64, 4 << 10, 64 << 10, 1 << 20, 64 << 20}

// result is what was measured, by the subject's name.
type result struct {
	rounds int
	rtt    map[string][]time.Duration // of 64 bytes, the medians of the rounds
	p99    map[string][]time.Duration
	speed  map[int]map[string][]float64 // bytes a second
	memory map[string]int               // bytes a connection
}

func measure(c config) (*result, error) {
	r := &result{c.rounds, map[string][]time.Duration{}, map[string][]time.Duration{}, map[int]map[string][]float64{}, map[string]int{}}
	for range c.rounds {
		for _, s := range subjects {
			if err := r.round(s, c.length); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	for _, s := range subjects[:3] {
		n, err := memory(s, 500)
		if err != nil {
			return nil, err
		}
		r.memory[s.name] = n
	}
	return r, nil
}

func (r *result) round(s subject, length time.Duration) error {
	p50, p99, err := roundTrips(s, length)
	if err != nil {
		return err
	}
	r.rtt[s.name] = append(r.rtt[s.name], p50)
	r.p99[s.name] = append(r.p99[s.name], p99)
	for _, size := range oneWay {
		v, err := throughput(s, size, length)
		if err != nil {
			return err
		}
		if r.speed[size] == nil {
			r.speed[size] = map[string][]float64{}
		}
		r.speed[size][s.name] = append(r.speed[size][s.name], v)
	}
	return nil
}

func roundTrips(s subject, length time.Duration) (p50, p99 time.Duration, err error) {
	p, err := start(s, "echo", 64)
	if err != nil {
		return 0, 0, err
	}
	defer p.end()
	c, err := s.dial(p.path)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close()
	m, b := messages{s, c}, make([]byte, 64)
	var times []time.Duration
	for begun := time.Now(); time.Since(begun) < length; {
		t := time.Now()
		if err := m.write(b); err != nil {
			return 0, 0, err
		}
		if _, err := m.read(b); err != nil {
			return 0, 0, err
		}
		times = append(times, time.Since(t))
	}
	slices.Sort(times)
	return times[len(times)/2], times[len(times)*99/100], nil
}

func throughput(s subject, size int, length time.Duration) (float64, error) {
	p, err := start(s, "sink", size)
	if err != nil {
		return 0, err
	}
	defer p.end()
	c, err := s.dial(p.path)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	m, b := messages{s, c}, touched(size)
	sent := 0
	begun := time.Now()
	for ; time.Since(begun) < length || sent < 3*size; sent += size {
		if err := m.write(b); err != nil {
			return 0, err
		}
	}
	if err := closeWrite(c); err != nil {
		return 0, err
	}
	if _, err := c.Read(make([]byte, 4)); err != nil {
		return 0, err
	}
	return float64(sent) / time.Since(begun).Seconds(), nil
}

// memory is what an idle connection takes in the server.
func memory(s subject, n int) (bytes int, err error) {
	p, err := start(s, "idle", n)
	if err != nil {
		return 0, err
	}
	defer p.end()
	for range n {
		c, err := s.dial(p.path)
		if err != nil {
			return 0, err
		}
		defer c.Close()
	}
	_, err = fmt.Fscanln(p.out, &bytes)
	return bytes, err
}

func median[T ~int64 | ~float64](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

func (r *result) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Pipes\n\n%s, %d processors, %s/%s, %s, %s. Medians of %d rounds.\n\n",
		lab.Processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().Format(time.DateOnly), r.rounds)
	fmt.Fprintf(&b, "| round trip of 64 bytes | µs, p50 | µs, p99 | of net.UnixConn's |\n|---|--:|--:|--:|\n")
	base := median(r.rtt[subjects[0].name])
	for _, s := range subjects {
		v := median(r.rtt[s.name])
		fmt.Fprintf(&b, "| %s | %.1f | %.1f | %.2f |\n", s.name, us(v), us(median(r.p99[s.name])), float64(v)/float64(base))
	}
	fmt.Fprintf(&b, "\n| one way, GB/s")
	for _, n := range oneWay {
		fmt.Fprintf(&b, " | %s", size(n))
	}
	fmt.Fprintf(&b, " |\n|---%s|\n", strings.Repeat("|--:", len(oneWay)))
	for _, s := range subjects {
		fmt.Fprintf(&b, "| %s", s.name)
		for _, n := range oneWay {
			fmt.Fprintf(&b, " | %.2f", median(r.speed[n][s.name])/1e9)
		}
		fmt.Fprintf(&b, " |\n")
	}
	fmt.Fprintf(&b, "\n| an idle connection in the server, with the goroutine that reads | bytes |\n|---|--:|\n")
	for _, s := range subjects[:3] {
		fmt.Fprintf(&b, "| %s | %d |\n", s.name, r.memory[s.name])
	}
	return b.String()
}

func us(d time.Duration) float64 { return float64(d) / 1e3 }

func size(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
