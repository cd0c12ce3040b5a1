package main

import (
	"fmt"
	"strings"
)

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Watching: last results\n\n%s; Linux %s; %s; %s.\n", r.Machine, r.Kernel, r.Go, r.Time)
	fmt.Fprintf(&b, "%d connections held by %d processes (%d sockets), of which %d send 64 bytes each second (made: %.0f a second); %d connections opened and closed each second; %d idle processes with 20 descriptors each.\n",
		r.Load.Connections, r.Load.Holders, 2*r.Load.Connections, r.Load.Sends, r.Load.SendsMade, r.Load.Rate, r.Load.Idle)
	for _, name := range []string{"ss", "nethogs", "bandwhich", "gopsutil"} {
		fmt.Fprintf(&b, "%s: %s. ", name, strings.TrimSuffix(r.Versions[name], "."))
	}
	b.WriteString("\n")
	writeCPU(&b, r.CPU)
	writeSlow(&b, r.Slow)
	writeMemory(&b, r.Memory)
	return b.String()
}

func writeCPU(b *strings.Builder, rows []cpuRow) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Processor time and memory\n\nThe time is in percent of one core. *Told* is of the sockets that opened and closed meanwhile.\n\n"+
		"| | CPU, %% | target | times less than ss -tanpi | target | over, s | to begin, ms | peak MiB | made/s | opened told, %% | closed told, %% | inferred, %% | owner told, %% | overflows |\n"+
		"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range rows {
		if absent(b, r.Name, r.Absent, 13) {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %.0f | %s | %.0f | %.1f | %s | %s | %s | %s | %s |\n", r.Name, figure(r.CPU), goal(r.CPU, r.Target, false),
			figure(r.Ratio), goal(r.Ratio, r.TargetRatio, true), r.Seconds, figure(r.Start), r.RSS, r.Rate, share100(r.Opened), share100(r.Closed),
			share100(r.Inferred), share100(r.Owned), overflows(r))
	}
}

func writeSlow(b *strings.Builder, rows []slowRow) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n## Slow-down of the watched\n\nMedians of the differences between blocks next to each other, with and without the watcher, and their quartiles. Microseconds.\n\n" +
		"| | operation | without | slower by | quartiles | target | pairs |\n|---|---|--:|--:|--:|--:|--:|\n")
	for _, r := range rows {
		if absent(b, r.Name, r.Absent, 6) {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %.2f | %.3f | %.3f to %.3f | %s | %d |\n", r.Name, r.Op, r.Plain/1e3, r.Slower/1e3, r.Low/1e3, r.High/1e3,
			goal(r.Slower/1e3, r.Target/1e3, false), r.Pairs)
	}
}

func writeMemory(b *strings.Builder, rows []memoryRow) {
	if len(rows) == 0 {
		return
	}
	b.WriteString("\n## Memory over an hour's worth of connections\n\nFrom 60,000 addresses, in a fraction of the time; a reading every 250 ms. Resident memory in MiB: at the start, the median of each quarter of the time, and the peak.\n\n" +
		"| | connections | in, s | start | 1st | 2nd | 3rd | 4th | peak | 2nd to 4th, % | target | closed told, % | overflows | lost |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, r := range rows {
		if absent(b, r.Name, r.Absent, 13) {
			continue
		}
		q := append(r.Quarters, make([]float64, 4)...)
		fmt.Fprintf(b, "| %s | %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %+.1f | %s | %.2f | %d | %d |\n", r.Name, r.Connections, r.Seconds, r.Start, q[0], q[1], q[2], q[3],
			r.Peak, r.Growth, goal(r.Growth, targetGrowth, false), r.Closed, r.Overflows, r.Lost)
	}
}

// absent writes a row that only says why there is none.
func absent(b *strings.Builder, name, why string, columns int) bool {
	if why == "" {
		return false
	}
	why = strings.NewReplacer("\n", " ", "|", "/").Replace(why)
	fmt.Fprintf(b, "| %s | not measured: %s %s|\n", name, why, strings.Repeat("| ", columns-1))
	return true
}

// figure has three digits, and is empty for what does not apply.
func figure(f float64) string {
	switch {
	case f == 0:
		return ""
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

func goal(is, target float64, atLeast bool) string {
	sign, met := "≤", is <= target
	if atLeast {
		sign, met = "≥", is >= target
	}
	switch {
	case target == 0:
		return ""
	case met:
		return fmt.Sprintf("%s %g, met", sign, target)
	}
	return fmt.Sprintf("%s %g, MISSED", sign, target)
}

func share100(f *float64) string {
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", *f)
}

// overflows is empty for programs whose queue nobody told us of.
func overflows(r cpuRow) string {
	if r.Opened == nil || r.Inferred == nil {
		return ""
	}
	return fmt.Sprint(r.Overflows)
}
