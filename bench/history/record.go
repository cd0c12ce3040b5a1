package main

import (
	"fmt"
	"os"
	"time"
)

// recording measures what the recorder takes of a core: its processor time for so many seconds' connections.
func recording(path string, seed uint64, seconds, rate int, fresh bool) error {
	hosts, what := 20_000, "of 20,000 hosts"
	if fresh {
		hosts, what = 0, "each to a new host"
	}
	m := newMaker(seed, time.Date(2026, 10, 1, 0, 0, 0, 0, time.Local), time.Second, rate, seconds*rate, hosts)
	before, began := cpu(), time.Now()
	if err := record(path, m); err != nil {
		return err
	}
	used, took := cpu()-before, time.Since(began)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Printf("recording %d connections a second, %s: %.1f %% of a core (target %.0f %%), %.0f µs a connection, %d s in %v, %d bytes a connection\n", rate, what,
		100*used.Seconds()/float64(seconds), recordTarget, used.Seconds()/float64(seconds*rate)*1e6, seconds, took.Round(10*time.Millisecond), info.Size()/int64(seconds*rate))
	return nil
}
