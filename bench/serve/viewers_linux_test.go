// Package serve measures what viewers of sockeye serve cost.
package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// What is measured: a machine with so many connections (two sockets each), of which so many a second are opened and closed and
// a part of which moves bytes.
type machine struct{ held, churn, talking int }

var machines = []machine{{2000, 50, 200}, {5000, 50, 500}}

const (
	viewers = 100
	seconds = 8
	times   = 3 // what all viewers together may cost, of one
)

// figures are of one machine: shares of a core in percent, memory in MB.
type figures struct {
	machine
	cpu    [3]float64 // without viewers, with one, with all
	memory [3]float64
}

// TestViewers: a hundred viewers at once cost less than three times one.
func TestViewers(t *testing.T) {
	if os.Getenv("SOCKEYE_FIGURES") == "" {
		t.Skip("it takes two minutes, and a quiet machine: set SOCKEYE_FIGURES=1")
	}
	bin := filepath.Join(t.TempDir(), "sockeye")
	testutil.Command(t, "go", "build", "-o", bin, "github.com/sockeye-net/sockeye/cmd/sockeye")
	results := filepath.Join(t.TempDir(), "figures")
	for i := range machines {
		testutil.RunTest(t, "TestMachine", testutil.Child{NetNS: true, Env: []string{fmt.Sprint("SOCKEYE_MACHINE=", i), "SOCKEYE_PROGRAM=" + bin, "SOCKEYE_RESULTS=" + results}})
	}
	rows, err := os.ReadFile(results)
	if err != nil {
		t.Fatal(err)
	}
	text := "# Viewers of serve: last results\n\n" + lab.Machine() + "; " + time.Now().UTC().Format(time.RFC3339) + ".\n" + heading + string(rows)
	t.Log("\n" + text)
	if out := os.Getenv("SOCKEYE_OUT"); out != "" {
		if err := os.WriteFile(filepath.Join(out, "serve.md"), []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// TestMachine is one of them, in a network namespace of its own.
func TestMachine(t *testing.T) {
	testutil.IsPart(t, "TestViewers", testutil.Child{NetNS: true})
	i, err := strconv.Atoi(os.Getenv("SOCKEYE_MACHINE"))
	if err != nil {
		t.Fatal(err)
	}
	f := figures{machine: machines[i]}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f.load(t, ctx)
	addr, pid := start(t, os.Getenv("SOCKEYE_PROGRAM"))
	for i, n := range []int{0, 1, viewers} {
		f.cpu[i], f.memory[i] = measure(t, addr, pid, n)
	}
	f.append(t, os.Getenv("SOCKEYE_RESULTS"))
	if f.cpu[2] > times*f.cpu[1] {
		t.Errorf("%d viewers cost %.2f times one", viewers, f.cpu[2]/f.cpu[1])
	}
}

const heading = `
Each connection is two sockets; the server reads once a second and records nothing. Each viewer has the stream of sockets, hosts,
interfaces and events, without the token. The share of a core is the server's own time and that which the kernel spends for it.

| connections | opened a second | talking | without viewers | with one | with 100 | times one | MB without | with one | with 100 |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
`

// append adds the row of a machine.
func (f *figures) append(t *testing.T, path string) {
	t.Helper()
	to, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := fmt.Fprintf(to, "| %d | %d | %d | %.1f %% | %.1f %% | %.1f %% | %.2f | %.0f | %.0f | %.0f |\n", f.held, f.churn, f.talking, f.cpu[0], f.cpu[1], f.cpu[2],
		f.cpu[2]/f.cpu[1], f.memory[0], f.memory[1], f.memory[2]); err != nil {
		t.Fatal(err)
	}
}

// load holds, opens and uses connections until the context ends.
func (m *machine) load(t *testing.T, ctx context.Context) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go io.Copy(io.Discard, c)
		}
	}()
	var all []net.Conn
	for range m.held {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all = append(all, c)
	}
	go func() {
		for tick := time.NewTicker(time.Second / time.Duration(m.churn)); ctx.Err() == nil; <-tick.C {
			if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
				c.Close()
			}
		}
	}()
	go func() {
		for tick := time.NewTicker(time.Second / 2); ctx.Err() == nil; <-tick.C {
			for _, c := range all[:m.talking] {
				_, _ = c.Write(make([]byte, 100))
			}
		}
	}()
}

func start(t *testing.T, bin string) (addr string, pid int) {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "p")
	cmd := exec.Command(bin, "serve", "--addr", "127.0.0.1:0", "--pipe", pipe, "--no-history")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	testutil.Eventually(t, 10*time.Second, func() error {
		out, err := exec.Command(bin, "serve", "status", "--json", "--pipe", pipe).Output()
		var s struct {
			URL string
			Seq int
		}
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if err != nil || s.Seq < 2 {
			return fmt.Errorf("%v, reading %d", err, s.Seq)
		}
		addr, _, _ = strings.Cut(s.URL, "/#")
		return nil
	})
	return addr, cmd.Process.Pid
}

// measure is the share of a core that the server takes with so many viewers, in percent, and its memory meanwhile.
func measure(t *testing.T, addr string, pid, n int) (share, megabytes float64) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var done sync.WaitGroup
	defer done.Wait()
	defer stop()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for range n {
		r, err := http.NewRequestWithContext(ctx, "GET", addr+"/api/events?topics=sockets,hosts,interfaces,events", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(err, resp)
		}
		done.Go(func() { _, _ = io.Copy(io.Discard, resp.Body); resp.Body.Close() })
	}
	time.Sleep(2 * time.Second) // the first frames are whole tables
	share = cpu(t, pid)
	return share, memory(t, pid)
}

func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	before := spent(t, pid)
	time.Sleep(seconds * time.Second)
	return 100 * (spent(t, pid) - before).Seconds() / seconds
}

// spent is how long all threads have run (schedstat of proc(5), in nanoseconds).
func spent(t *testing.T, pid int) (sum time.Duration) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatal("no threads: ", err)
	}
	for _, path := range tasks {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n)
	}
	return sum
}

// memory is the resident set in MB.
func memory(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * float64(os.Getpagesize()) / 1e6
}
