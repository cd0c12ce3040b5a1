package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

func (c *config) report(results []result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Relay\n\n%d processors, %s/%s, Linux %s, %s, %s. %d MiB one way, %d exchanges of 64 bytes, medians of %d turns.\n\n",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, lab.Kernel(), runtime.Version(), time.Now().Format(time.DateOnly), c.size>>20, c.exchanges, c.rounds)
	b.WriteString("| joined | program | GB/s | CPU s/GB | round trip | CPU of one |\n|---|---|--:|--:|--:|--:|\n")
	for _, r := range results {
		fmt.Fprintf(&b, "| %s | %s | %.2f | %.3f | %.1f µs | %.1f µs |\n", r.pair, r.program, r.gbs, r.cpu, micro(r.trip), micro(r.tripCPU))
	}
	fmt.Print(b.String())
	if c.out == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(c.out, "relay.md"), []byte(b.String()), 0o644)
}

func micro(d time.Duration) float64 { return float64(d) / 1e3 }
