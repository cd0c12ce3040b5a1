package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// memoryRow is a watcher's memory, in MiB, while an hour's worth of connections comes and goes, many times as fast.
type memoryRow struct {
	Name        string    `json:"name"`
	Connections int       `json:"connections,omitempty"`
	Seconds     float64   `json:"seconds,omitempty"`
	Start       float64   `json:"start_mib,omitempty"`
	Quarters    []float64 `json:"quarters_mib,omitempty"` // medians of each quarter of the time
	Peak        float64   `json:"peak_mib,omitempty"`
	Growth      float64   `json:"growth_percent"`       // from the second quarter to the last
	Series      []float64 `json:"series_mib,omitempty"` // a sample in so many, over the whole time
	Closed      float64   `json:"closed_told_percent,omitempty"`
	Overflows   uint64    `json:"overflows"` // of the kernel's queue, each of which is told
	Lost        uint64    `json:"lost"`      // by them, as far as the kernel tells
	Absent      string    `json:"absent,omitempty"`
}

// targetGrowth is what counts as steady. The collector of garbage makes memory go up and down.
const targetGrowth = 10.0

const (
	sampleEach = 100 * time.Millisecond
	catchUp    = 5 * time.Second // a worker of the kernel sends the notices, and may lag behind
)

func measureMemory(o options) (rows []memoryRow, err error) {
	// As many as 200 connections a second leave; at full speed there would be ten times as many.
	if err := sysctl("net/ipv4/tcp_max_tw_buckets", "12000"); err != nil {
		return nil, err
	}
	for _, s := range []subject{lookWithBPF("250ms", 0), lookWithoutBPF("250ms", 0)} {
		fmt.Fprintln(os.Stderr, "memory:", s.name)
		row := memoryRow{Name: s.name, Connections: o.events}
		if err := row.measure(o, s); err != nil {
			row.Absent = err.Error()
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (row *memoryRow) measure(o options, s subject) error {
	p, err := startRole("pulse")
	if err != nil {
		return err
	}
	defer p.end()
	w, err := start(s)
	if err != nil {
		return err
	}
	time.Sleep(settle)
	now, _ := w.rss()
	row.Start = mib(now)
	samples, err := row.sample(p, w, o.pace)
	time.Sleep(catchUp)
	t, endErr := w.end()
	if err != nil || endErr != nil {
		return cmpErr(err, endErr)
	}
	row.Closed, row.Overflows, row.Lost = 50*float64(t.Closed)/float64(row.Connections), t.Overflows, t.Lost
	row.sum(samples)
	return nil
}

func cmpErr(a, b error) error {
	if b != nil { // the watcher's end is why the sampling failed
		return b
	}
	return a
}

// sample reads the watcher's memory until all connections have been.
func (row *memoryRow) sample(p *child, w running, pace int) (samples []float64, err error) {
	done := make(chan error, 1)
	go func() {
		var err error
		row.Seconds, err = p.askNumber(fmt.Sprintf("many %d/%d", row.Connections, pace))
		done <- err
	}()
	for tick := time.NewTicker(sampleEach); ; {
		select {
		case err := <-done:
			return samples, err
		case <-tick.C:
		}
		now, _ := w.rss()
		samples = append(samples, mib(now))
	}
}

func (row *memoryRow) sum(samples []float64) {
	n := len(samples)
	if n < 4 {
		return
	}
	for q := range 4 {
		row.Quarters = append(row.Quarters, quantile(samples[n*q/4:n*(q+1)/4], 2))
	}
	row.Peak = slices.Max(samples)
	for i := 0; i < n; i += 1 + n/50 {
		row.Series = append(row.Series, math.Round(10*samples[i])/10)
	}
	row.Growth = 100 * (row.Quarters[3]/row.Quarters[1] - 1)
}
