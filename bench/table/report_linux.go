package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// report is what bench/results/table.json holds.
type report struct {
	Schema   int               `json:"schema"`
	Time     string            `json:"time"`
	Machine  string            `json:"machine"`
	Kernel   string            `json:"kernel"`
	Go       string            `json:"go"`
	Idle     int               `json:"idle_processes"`
	Floor    float64           `json:"rss_floor_mib"` // our own: a child's peak is never told as less
	Versions map[string]string `json:"peers"`
	Sizes    []sizeResult      `json:"sizes"`
}

type sizeResult struct {
	Connections int         `json:"connections"`
	Holders     int         `json:"holders"`
	Rows        []rowResult `json:"rows"`
}

// rowResult is a subject's medians, and how many times faster than its peer it is.
type rowResult struct {
	Name   string  `json:"name"`
	Runs   int     `json:"runs"`
	Millis float64 `json:"wall_ms,omitempty"`
	CPU    float64 `json:"cpu_ms,omitempty"`
	RSS    float64 `json:"peak_rss_mib,omitempty"`
	Peer   string  `json:"peer,omitempty"`
	Ratio  float64 `json:"ratio,omitempty"`
	Target float64 `json:"target,omitempty"`
	Absent string  `json:"absent,omitempty"` // why it was not measured
}

func newReport(o options) *report {
	return &report{
		Schema: 1, Time: time.Now().UTC().Format(time.RFC3339), Machine: lab.Processors(), Kernel: lab.Kernel(), Go: runtime.Version(),
		Idle: o.idle, Versions: versions(o.bin),
	}
}

// ownPeak is the most memory this process has had, in MiB. Linux counts it as its children's too (exec keeps the peak of the
// memory that it replaces).
func ownPeak() float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Maxrss) / 1024
}

func versions(bin string) map[string]string {
	v := map[string]string{}
	for name, args := range map[string][]string{
		"ss": {"-V"}, "netstat": {"--version"}, "lsof": {"-v"},
	} {
		out, err := exec.Command(name, args...).CombinedOutput()
		if err != nil && len(out) == 0 {
			v[name] = "absent"
			continue
		}
		v[name] = versionLine(string(out))
	}
	v["gopsutil"] = moduleVersion(filepath.Join(bin, "gopsutil"), "github.com/shirou/gopsutil/v4")
	return v
}

// moduleVersion is the version of a module that a program was built with.
func moduleVersion(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "absent"
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}

// versionLine is the first line that has a number, which for lsof is not the first.
func versionLine(out string) string {
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); strings.ContainsAny(line, "0123456789") && !strings.Contains(line, "://") {
			return line
		}
	}
	return "unknown"
}

func resultOf(n int, all []*series) sizeResult {
	r := sizeResult{Connections: n}
	walls := map[string]float64{}
	for _, s := range all {
		row := s.row()
		walls[row.Name] = row.Millis
		if peer := walls[row.Peer]; peer > 0 && row.Millis > 0 {
			row.Ratio = peer / row.Millis
		}
		row.Target = s.subject.target[n]
		r.Rows = append(r.Rows, row)
	}
	return r
}

func (s *series) row() rowResult {
	row := rowResult{Name: s.subject.name, Peer: s.subject.peer, Runs: len(s.samples)}
	if s.err != nil {
		row.Absent = s.err.Error()
	}
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	row.Millis = ms(median(s.samples, func(s sample) time.Duration { return s.wall }))
	row.CPU = ms(median(s.samples, func(s sample) time.Duration { return s.cpu }))
	row.RSS = float64(median(s.samples, func(s sample) int64 { return s.rss })) / (1 << 20)
	return row
}

// write prints the table and keeps it, as text and as JSON.
func (r *report) write(dir string) error {
	r.Floor = ownPeak()
	text := r.markdown()
	fmt.Print(text)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "table.md"), []byte(text), 0o644); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "table.json"), append(b, '\n'), 0o644)
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The socket table: last results\n\n%s; Linux %s; %s; %s.\n", r.Machine, r.Kernel, r.Go, r.Time)
	fmt.Fprintf(&b, "%d idle processes with 20 descriptors each; medians; output thrown away. Peaks below %.0f MiB are not told apart.\n", r.Idle, r.Floor)
	for _, name := range []string{"ss", "netstat", "lsof", "gopsutil"} {
		fmt.Fprintf(&b, "%s: %s. ", name, strings.TrimSuffix(r.Versions[name], "."))
	}
	b.WriteString("\n")
	for _, s := range r.Sizes {
		s.markdown(&b)
	}
	return b.String()
}

func (s sizeResult) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %d connections, %d sockets in %d processes\n\n| | time, ms | CPU, ms | peak MiB | runs | times faster | than | target |\n|---|--:|--:|--:|--:|--:|---|--:|\n",
		s.Connections, 2*s.Connections, s.Holders)
	for _, r := range s.Rows {
		if r.Absent != "" {
			fmt.Fprintf(b, "| %s | not measured: %s | | | | | | |\n", r.Name, strings.ReplaceAll(r.Absent, "\n", " "))
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s | %.0f | %d | %s | %s | %s |\n", r.Name, figure(r.Millis), figure(r.CPU), r.RSS, r.Runs, figure(r.Ratio), r.Peer, r.goal())
	}
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

func (r rowResult) goal() string {
	switch {
	case r.Target == 0:
		return ""
	case r.Ratio >= r.Target:
		return fmt.Sprintf("%g, met", r.Target)
	}
	return fmt.Sprintf("%g, MISSED", r.Target)
}
