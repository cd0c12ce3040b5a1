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

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// What is measured: a machine with so many connections (two sockets each), of which so many a second are opened and closed and
// a part of which moves bytes.
const (
	held    = 2000
	churn   = 50
	talking = 200
	viewers = 100
	seconds = 8
	times   = 3 // what all viewers together may cost, of one
)

// TestViewers: a hundred viewers at once cost less than three times one.
func TestViewers(t *testing.T) {
	if os.Getenv("SOCKEYE_FIGURES") == "" {
		t.Skip("it takes half a minute, and a quiet machine: set SOCKEYE_FIGURES=1")
	}
	if !testutil.Isolated(t, testutil.Child{NetNS: true, Env: []string{"SOCKEYE_FIGURES=1"}}) {
		return
	}
	bin := filepath.Join(t.TempDir(), "sockeye")
	testutil.Command(t, "go", "build", "-o", bin, "github.com/sockeye-net/sockeye/cmd/sockeye")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	load(t, ctx)
	addr, pid := start(t, bin)
	none := cpu(t, pid)
	one := measure(t, addr, pid, 1)
	all := measure(t, addr, pid, viewers)
	t.Logf("%d connections, %d a second opened, %d talking: %.1f %% of a core without viewers, %.1f %% with one, %.1f %% with %d (%.2f times one); %.1f MB",
		held, churn, talking, none, one, all, viewers, all/one, memory(t, pid))
	if all > times*one {
		t.Errorf("%d viewers cost %.2f times one", viewers, all/one)
	}
}

// load holds, opens and uses connections until the context ends.
func load(t *testing.T, ctx context.Context) {
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
	for range held {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all = append(all, c)
	}
	go func() {
		for tick := time.NewTicker(time.Second / churn); ctx.Err() == nil; <-tick.C {
			if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
				c.Close()
			}
		}
	}()
	go func() {
		for tick := time.NewTicker(time.Second / 2); ctx.Err() == nil; <-tick.C {
			for _, c := range all[:talking] {
				_, _ = c.Write(make([]byte, 100))
			}
		}
	}()
}

func start(t *testing.T, bin string) (addr string, pid int) {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "p")
	cmd := exec.Command(bin, "serve", "--addr", "127.0.0.1:0", "--pipe", pipe)
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

// measure is the share of a core that the server takes with so many viewers, in percent.
func measure(t *testing.T, addr string, pid, n int) float64 {
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
	return cpu(t, pid)
}

func cpu(t *testing.T, pid int) float64 {
	t.Helper()
	before := ticks(t, pid)
	time.Sleep(seconds * time.Second)
	return float64(ticks(t, pid)-before) / seconds // there are 100 a second (USER_HZ), so it is percent
}

// ticks are utime and stime of proc(5).
func ticks(t *testing.T, pid int) (n uint64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	for _, f := range fields[11:13] {
		v, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		n += v
	}
	return n
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
