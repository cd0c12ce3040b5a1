package main

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// slowRow is how much slower an operation is while someone watches.
type slowRow struct {
	Name   string  `json:"name"`
	Op     string  `json:"op,omitempty"`
	Pairs  int     `json:"pairs,omitempty"`
	Plain  float64 `json:"plain_ns,omitempty"` // without a watcher
	Slower float64 `json:"slower_ns,omitempty"`
	Low    float64 `json:"slower_quartile1_ns,omitempty"`
	High   float64 `json:"slower_quartile3_ns,omitempty"`
	Target float64 `json:"target_ns,omitempty"`
	Absent string  `json:"absent,omitempty"`
}

var operations = []struct {
	ask, name string
	target    float64 // nanoseconds, for our own watchers
}{
	{"connect", "connect, accept and two closes", 3000},
	{"send", "send and receive of 1 byte", 200},
}

// ready is how long a watcher has to begin before a block.
const ready = 500 * time.Millisecond

// measureSlow compares blocks with the watcher to blocks without it that are next to them.
func measureSlow(o options) (rows []slowRow, err error) {
	// No TIME_WAIT, so that the thousandth connection finds the same kernel as the first.
	if err := sysctl("net/ipv4/tcp_max_tw_buckets", "0"); err != nil {
		return nil, err
	}
	p, err := startRole("pulse")
	if err != nil {
		return nil, err
	}
	defer p.end()
	for _, s := range []subject{lookWithBPF("1s", 0), lookWithoutBPF("1s", 0), nethogs(), bandwhich(o)} {
		fmt.Fprintln(os.Stderr, "slow-down:", s.name)
		more, err := slowBy(o, p, s)
		if err != nil {
			more = []slowRow{{Name: s.name, Absent: err.Error()}}
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// slowBy measures one watcher: every second pair begins with it, so that drift does not count.
func slowBy(o options, p *child, s subject) (rows []slowRow, err error) {
	pairs := o.pairs
	if !s.ours {
		pairs = (pairs + 2) / 3
	}
	plain, slower := make([][]float64, len(operations)), make([][]float64, len(operations))
	for i := range pairs {
		without, with, err := onePair(o, p, s, i%2 == 1)
		if err != nil {
			return nil, err
		}
		for op := range operations {
			plain[op] = append(plain[op], without[op])
			slower[op] = append(slower[op], with[op]-without[op])
		}
	}
	for op, of := range operations {
		row := slowRow{Name: s.name, Op: of.name, Pairs: pairs, Plain: quantile(plain[op], 2)}
		row.Low, row.Slower, row.High = quantile(slower[op], 1), quantile(slower[op], 2), quantile(slower[op], 3)
		if s.ours {
			row.Target = of.target
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func onePair(o options, p *child, s subject, watchedFirst bool) (without, with []float64, err error) {
	if !watchedFirst {
		if without, err = blocks(o, p); err != nil {
			return nil, nil, err
		}
	}
	if with, err = watchedBlocks(o, p, s); err != nil {
		return nil, nil, err
	}
	if watchedFirst {
		without, err = blocks(o, p)
	}
	return without, with, err
}

func watchedBlocks(o options, p *child, s subject) (ns []float64, err error) {
	w, err := start(s)
	if err != nil {
		return nil, err
	}
	time.Sleep(ready)
	ns, err = blocks(o, p)
	if _, endErr := w.end(); err == nil {
		err = endErr
	}
	return ns, err
}

// blocks are one of each operation: how many nanoseconds it takes.
func blocks(o options, p *child) (ns []float64, err error) {
	for _, op := range operations {
		f, err := p.askNumber(op.ask, o.block)
		if err != nil {
			return nil, err
		}
		ns = append(ns, f)
	}
	return ns, nil
}

// quantile is the q-th quartile; 2 is the median.
func quantile(values []float64, q int) float64 {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return 0
	}
	return v[(len(v)-1)*q/4]
}
