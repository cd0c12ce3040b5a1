// Command page measures what the page of sockeye serve costs a browser: the main thread's work for each update, with 10,000
// rows in the table, once a second, in headless Chromium, by the browser's own trace. It needs root, node, Chromium, and
// the packages of web/test (npm ci).
//
//	go run ./bench/page
//
// It prints a table with the project's target, and writes bench/results/page.md and page.json.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// target is what an update may take of the browser's main thread.
const target = 50.0 // ms

// options are the command line, and what the outer process built for the inner one.
type options struct {
	connections, holders, seconds, only int

	out, bin, root string
}

// scene is what is measured: how many connections send something each second, and what is on the page.
type scene struct {
	Name  string `json:"name"`
	Place string `json:"place"` // in the page's address, behind the #
	Sends int    `json:"sends"` // of the connections
}

// figures are what the browser did, in milliseconds of the main thread for each update, sorted.
type figures struct {
	Scene   scene     `json:"scene"`
	Rows    int       `json:"rows"`
	Updates []float64 `json:"updates_ms"` // the thread's own clock
	Elapsed []float64 `json:"elapsed_ms"` // the wall's
	Longest float64   `json:"longest_task_ms"`
	Bytes   float64   `json:"bytes_per_update"`
	Heap    float64   `json:"heap_mb"`
	Browser string    `json:"browser"`
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "hold" {
		exit(lab.Hold(os.Args[2:]))
	}
	var o options
	flag.IntVar(&o.connections, "n", 5000, "connections; each has two rows")
	flag.IntVar(&o.holders, "holders", 10, "processes that hold the connections")
	flag.IntVar(&o.seconds, "seconds", 20, "how long each scene is measured")
	flag.IntVar(&o.only, "only", -1, "measure this scene only, counted from 0")
	flag.StringVar(&o.out, "out", "", "where the results are written; default bench/results of the module")
	flag.StringVar(&o.bin, "bin", "", "internal: the program that was built")
	flag.StringVar(&o.root, "root", "", "internal: the module's folder")
	flag.Parse()
	if o.bin == "" {
		exit(outer())
	}
	exit(inner(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/page:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// outer builds what is measured, and goes on in a new namespace.
func outer() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("it needs root: for the namespace, for BPF, and to see every owner")
	}
	text, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list: %w (run it inside the module)", err)
	}
	root := strings.TrimSpace(string(text))
	dir, err := os.MkdirTemp("", "sockeye-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "sockeye")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", bin, "./cmd/sockeye")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	runtime.LockOSThread() // the inner process dies with the thread that started it
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append(os.Args[1:], "-bin="+bin, "-root="+root)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// inner runs in the namespace.
func inner(o options) error {
	runtime.LockOSThread() // children die with the thread that started them
	if err := lab.LoopbackUp(); err != nil {
		return err
	}
	half := o.connections / 20
	scenes := []scene{
		{"connections, one in twenty talks", "/connections", half},
		{"connections, all talk", "/connections", o.connections},
		{"connections by process, all talk", "/connections?sort=process", o.connections},
		{"hosts, one in twenty talks", "/hosts", half},
		{"map, one in twenty talks", "/map", half},
	}
	var all []figures
	for i, s := range scenes {
		if o.only >= 0 && i != o.only {
			continue
		}
		f, err := measure(o, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
		all = append(all, f)
	}
	if o.out == "" {
		o.out = filepath.Join(o.root, "bench", "results")
	}
	return lab.Write(o.out, "page", report(o, all), all)
}

// measure has the browser look at a scene, over a load of its own.
func measure(o options, s scene) (f figures, err error) {
	stop, err := startLoad(o, s.Sends)
	defer stop()
	if err != nil {
		return f, err
	}
	dir := filepath.Join(o.root, "web", "test")
	cmd := exec.Command(filepath.Join(dir, "node_modules", ".bin", "playwright"), "test", "--project=measure", "--reporter=line")
	result := filepath.Join(filepath.Dir(o.bin), "figures.json")
	scene, _ := json.Marshal(s)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SOCKEYE_BIN="+o.bin, "FIGURES="+result, "SCENE="+string(scene),
		fmt.Sprint("SECONDS_MEASURED=", o.seconds), fmt.Sprint("ROWS=", 2*o.connections))
	began := time.Now()
	if text, err := cmd.CombinedOutput(); err != nil {
		return f, fmt.Errorf("%w\n%s", err, text)
	}
	fmt.Fprintf(os.Stderr, "%s: measured in %.0f s\n", s.Name, time.Since(began).Seconds())
	text, err := os.ReadFile(result)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(text, &f)
}

func report(o options, all []figures) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The page: last results\n\n%s; %s; %s. %s\n", lab.Machine(), all[0].Browser, time.Now().UTC().Format(time.RFC3339), busy())
	fmt.Fprintf(&b, "%d connections on loopback, held by %d processes, which are %d rows. A connection that talks sends 64 bytes each second, so\n", o.connections, o.holders, 2*o.connections)
	fmt.Fprintf(&b, "both of its rows change. Each scene over %d s, one update a second, in a window of 1280 by 800.\n\n", o.seconds)
	b.WriteString("Work is the processor time of all tasks of the renderer's main thread, of whatever kind (network, script, style, paint, collection), in\n")
	b.WriteString("ms an update. Elapsed is the same by the wall clock, which the other programs of a busy machine make longer.\n\n")
	b.WriteString("| on the page | rows | work, median | worst | elapsed, median | worst | longest task | MB an update | heap, MB | target | |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n")
	for _, f := range all {
		n := len(f.Updates)
		median, worst := f.Updates[n/2], f.Updates[n-1]
		verdict := "met"
		switch {
		case median >= target:
			verdict = "missed"
		case worst >= target:
			verdict = "met by the median"
		}
		fmt.Fprintf(&b, "| %s | %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.2f | %.0f | %.0f ms | %s |\n", f.Scene.Name, f.Rows, median, worst,
			f.Elapsed[n/2], f.Elapsed[n-1], f.Longest, f.Bytes/1e6, f.Heap, target, verdict)
	}
	return b.String()
}

// busy says what else the machine had to do.
func busy() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return ""
	}
	return "Load average over the last five minutes: " + fields[1] + "."
}
