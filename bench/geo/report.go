package main

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is the text, as it grows.
type report struct{ strings.Builder }

// files adds a section for each database.
func (r *report) files(files []file, c config) error {
	for _, f := range files {
		if err := r.open(f, c); err != nil {
			return err
		}
		for _, n := range strings.Split(c.addresses, ",") {
			var count int
			if _, err := fmt.Sscan(n, &count); err != nil {
				return fmt.Errorf("-addresses %q: %w", c.addresses, err)
			}
			if err := r.lookups(f, pick(count), c); err != nil {
				return err
			}
		}
	}
	return nil
}

// open begins a file's section.
func (r *report) open(f file, c config) error {
	open, first, err := opening(f.path, c.rounds)
	if err != nil {
		return err
	}
	fmt.Fprintf(r, "\n## %s, %.1f MB\n\nOpen %v, the first lookup %v (median of %d).\n", f.format, float64(f.size)/1e6, open.Round(time.Microsecond), first.Round(100*time.Nanosecond), 20*c.rounds)
	return nil
}

// lookups has all subjects take turns, and adds a table.
func (r *report) lookups(f file, addrs []netip.Addr, c config) error {
	own, err := subjects(f)
	if err != nil {
		return err
	}
	turns, figures := turnsOf(own, f, addrs, c), map[int][]figure{}
	for round := range c.rounds + 1 {
		for i, t := range turns {
			v, err := t()
			if err != nil {
				return err
			}
			if round > 0 { // the first is to look everything up once
				figures[i] = append(figures[i], v)
			}
		}
	}
	fmt.Fprintf(r, "\n| %d addresses | ns | allocations |\n|---|--:|--:|\n", len(addrs))
	for i := range turns {
		m := median(figures[i])
		fmt.Fprintf(r, "| %s | %.0f | %.1f |\n", m.Name, m.NS, m.Allocs)
	}
	return nil
}

// turnsOf are the subjects of a file: those of this program and those given by -peer.
func turnsOf(own []subject, f file, addrs []netip.Addr, c config) (turns []func() (figure, error)) {
	for _, s := range own {
		turns = append(turns, func() (figure, error) { return turn(s, addrs, c.length) })
	}
	for _, p := range c.peers {
		format, rest, _ := strings.Cut(p, ":")
		name, program, _ := strings.Cut(rest, "=")
		if format != f.format {
			continue
		}
		turns = append(turns, func() (figure, error) {
			v, err := peerTurn(program, f.path, addrs, c.length)
			v.Name = name
			return v, err
		})
	}
	return turns
}

func (r *report) write(path string) error {
	head := fmt.Sprintf("# Address databases\n\n%s, %d processors, %s/%s, %s, %s.\n", cpu(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), time.Now().Format("2006-01-02"))
	fmt.Print(head, r.String())
	return os.WriteFile(path, []byte(head+r.String()), 0o644)
}
