package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// report is what bench/results/watch.json holds.
type report struct {
	Schema   int               `json:"schema"`
	Time     string            `json:"time"`
	Machine  string            `json:"machine"`
	Kernel   string            `json:"kernel"`
	Go       string            `json:"go"`
	Versions map[string]string `json:"peers"`
	Load     loadResult        `json:"load"`
	CPU      []cpuRow          `json:"cpu,omitempty"`
	Slow     []slowRow         `json:"slow_down,omitempty"`
	Memory   []memoryRow       `json:"memory,omitempty"`
}

// loadResult is the load that was asked for; what was made of it stands in the rows, but for the sends.
type loadResult struct {
	Connections int     `json:"connections"`
	Holders     int     `json:"holders"`
	Idle        int     `json:"idle_processes"`
	Rate        int     `json:"connections_per_s"`
	Sends       int     `json:"sends_per_s"`
	SendsMade   float64 `json:"sends_made_per_s"`
}

func newReport(o options) *report {
	return &report{
		Schema: 1, Time: time.Now().UTC().Format(time.RFC3339), Machine: lab.Processors(), Kernel: lab.Kernel(),
		Go: runtime.Version(), Versions: versions(o),
		Load: loadResult{Connections: o.connections, Holders: o.holders, Idle: o.idle, Rate: o.rate, Sends: o.sends},
	}
}

func versions(o options) map[string]string {
	v := map[string]string{"gopsutil": moduleVersion(filepath.Join(o.bin, "gopsutilpoll"), "github.com/shirou/gopsutil/v4")}
	for name, args := range map[string][]string{"ss": {"ss", "-V"}, "nethogs": {"nethogs", "-V"}, "bandwhich": {o.bandwhich, "--version"}} {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		v[name] = firstLine(string(out))
		if err != nil && len(out) == 0 {
			v[name] = "absent"
		}
	}
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

// write prints the tables and keeps them, as text and as JSON.
func (r *report) write(dir string) error {
	text := r.markdown()
	fmt.Print(text)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "watch.md"), []byte(text), 0o644); err != nil {
		return err
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "watch.json"), append(b, '\n'), 0o644)
}
