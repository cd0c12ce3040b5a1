package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
)

// figure is what was measured of one subject: nanoseconds and allocations of one lookup.
type figure struct {
	Name   string  `json:"name"`
	NS     float64 `json:"ns"`
	Allocs float64 `json:"allocs"`
}

// turn looks addresses up for a while.
func turn(s subject, addrs []netip.Addr, length time.Duration) (figure, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, bytes, begin := 0, 0, time.Now()
	for time.Since(begin) < length {
		for _, a := range addrs {
			b, err := s.lookup(a)
			if err != nil {
				return figure{}, fmt.Errorf("%s: %v: %w", s.name, a, err)
			}
			bytes += b
		}
		n += len(addrs)
	}
	took := time.Since(begin)
	runtime.ReadMemStats(&after)
	if bytes == 0 {
		return figure{}, errors.New(s.name + ": " + errNothing.Error())
	}
	return figure{s.name, float64(took.Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n)}, nil
}

// peerTurn has another program do the same. It is given the file and the length of the turn in milliseconds, and the
// addresses on its standard input, one a line; it looks each up once, then does as turn does, and prints a figure in JSON.
func peerTurn(program, path string, addrs []netip.Addr, length time.Duration) (f figure, err error) {
	var in strings.Builder
	for _, a := range addrs {
		fmt.Fprintln(&in, a)
	}
	cmd := exec.Command(program, path, fmt.Sprint(length.Milliseconds()))
	cmd.Stdin, cmd.Stderr = strings.NewReader(in.String()), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("%s: %w", program, err)
	}
	return f, json.Unmarshal(out, &f)
}

// median is the figure in the middle, by time.
func median(all []figure) figure {
	slices.SortFunc(all, func(a, b figure) int {
		return int(a.NS*100) - int(b.NS*100)
	})
	return all[len(all)/2]
}

// opening measures Open and Close, and one lookup between them, with the file in the system's cache.
func opening(path string, rounds int) (open, first time.Duration, err error) {
	a := netip.MustParseAddr("120.1.2.3")
	var opens, firsts []time.Duration
	for range rounds * 20 {
		begin := time.Now()
		db, err := geoip.Open(path)
		if err != nil {
			return 0, 0, err
		}
		opened := time.Now()
		if _, err := db.Lookup(a); err != nil {
			return 0, 0, err
		}
		opens, firsts = append(opens, opened.Sub(begin)), append(firsts, time.Since(opened))
		db.Close()
	}
	slices.Sort(opens)
	slices.Sort(firsts)
	return opens[len(opens)/2], firsts[len(firsts)/2], nil
}

// cpu is the processor's name, where /proc/cpuinfo tells it.
func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}
