package metrics

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

const (
	realPrograms = 12
	realSeries   = 5
	realBytes    = 100_000
)

// TestRealPrograms: real programs, more than there are series for, send what is known, and end. The sum over all series is what
// they sent, while they run and when they are gone, and no counter falls.
func TestRealPrograms(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.CheckLeaks(t)
	addr := swallow(t)
	w, err := watch.Open(&watch.Config{Interval: 100 * time.Millisecond, Query: netstat.Query{Owner: netstat.OwnerModule}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r := &realRun{t: t, watcher: w, metrics: New(Config{MaxSeries: realSeries})}
	r.readings(2)
	for wave := range 2 {
		var all []*sender
		for i := range realPrograms / 2 {
			all = append(all, startProgram(t, fmt.Sprintf("prog-%02d", wave*realPrograms/2+i), addr))
		}
		want := uint64((wave + 1) * realPrograms / 2 * realBytes)
		r.until(func() bool { return r.sum("sockeye_program_transmit_bytes_total") >= want })
		for _, p := range all {
			p.end(t)
		}
		r.readings(5)
		if sum := r.sum("sockeye_program_transmit_bytes_total"); sum < want || sum > want+2*realPrograms { // SYN and FIN count as a byte
			t.Errorf("the programs of %d waves sent %d bytes, and all series have %d", wave+1, want, sum)
		}
	}
	for name, want := range map[string]uint64{"sockeye_program_opened_total": 2 * realPrograms, "sockeye_program_closed_total": 2 * realPrograms} {
		if sum := r.sum(name); sum != want { // both ends
			t.Errorf("%s is %d over all series, want %d:\n%s", name, sum, want, textOf(t, r.metrics))
		}
	}
	if n := len(r.metrics.programs); n > realSeries || r.metrics.folded == 0 || r.sum("sockeye_program_sockets") > 2 {
		t.Errorf("%d series, %d folded:\n%s", n, r.metrics.folded, textOf(t, r.metrics))
	}
}

// swallow is a server that takes everything.
func swallow(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(io.Discard, c)
				c.Close()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

// realRun reads.
type realRun struct {
	t       *testing.T
	watcher *watch.Watcher
	metrics *Metrics
	last    map[string]uint64
}

func (r *realRun) readings(n int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	for n > 0 {
		report, err := r.watcher.Next(ctx)
		if err != nil {
			r.t.Fatal(err)
		}
		r.metrics.Report(r.watcher, report)
		if report.Elapsed != 0 {
			r.last = grown(r.t, r.last, r.metrics)
			n--
		}
	}
}

func (r *realRun) until(done func() bool) {
	r.t.Helper()
	for range 100 {
		if r.readings(1); done() {
			return
		}
	}
	r.t.Fatalf("it does not come:\n%s", textOf(r.t, r.metrics))
}

// sum is that of all series of a name.
func (r *realRun) sum(name string) (n uint64) {
	now := r.last
	if !strings.HasSuffix(name, "_total") {
		now = seriesOf(r.t, r.metrics)
	}
	for _, series := range slices.Collect(maps.Keys(now)) {
		if strings.HasPrefix(series, name+"{") {
			n += now[series]
		}
	}
	return n
}

// sender is one that runs.
type sender struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// startProgram starts this test under another name.
func startProgram(t *testing.T, name, addr string) *sender {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "-test.run=^TestSender$")
	cmd.Env = append(os.Environ(), "SOCKEYE_SEND_TO="+addr)
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &sender{cmd, in}
}

func (p *sender) end(t *testing.T) {
	t.Helper()
	p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestSender is one of the programs.
func TestSender(t *testing.T) {
	addr := os.Getenv("SOCKEYE_SEND_TO")
	if addr == "" {
		t.Skip("it is a part of TestRealPrograms")
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, realBytes)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}
