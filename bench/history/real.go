package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// loadEnv has this program make connections, and nothing else: so many to hold, and so many a second.
const loadEnv = "SOCKEYE_BENCH_LOAD"

// recordReal measures what the watcher and the recorder take together, of connections on the loopback: both ends of each are here.
func recordReal(dir string, seconds, open, rate int) error {
	dir, err := os.MkdirTemp(dir, "sockeye-real-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := startLoad(open/2, rate)
	if err != nil {
		return err
	}
	defer l.end()
	w, err := watch.Open(&watch.Config{NoLinks: true, Query: netstat.Query{Owner: netstat.OwnerModule}})
	if err != nil {
		return err
	}
	defer w.Close()
	table, err := ifstat.Open(nil)
	if err != nil {
		return err
	}
	defer table.Close()
	path := filepath.Join(dir, "real.db")
	s, err := history.Open(history.Config{Path: path})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(seconds+5)*time.Second)
	defer cancel()
	var used time.Duration
	begin := time.AfterFunc(5*time.Second, func() { used = cpu() }) // what is open at first is not of interest
	defer begin.Stop()
	err = history.Record(ctx, s, history.Recording{Sockets: w, Interfaces: table, Places: places, Trouble: func(err error) { fmt.Println("trouble:", err) }})
	percent := 100 * (cpu() - used).Seconds() / float64(seconds)
	if err = errors.Join(err, s.Close()); err != nil {
		return err
	}
	n, lost, err := stored(path)
	fmt.Printf("recording with its watcher (%v), %d sockets open, %d connections a second, both ends here: %.1f %% of a core (target %.0f %%), %d MB resident; %d lives ended in %d s, %d lost\n",
		w.Source(), open, rate, percent, recordTarget, memory()>>20, n, seconds+5, lost)
	return err
}

// stored says how many lives ended, and how many events were lost.
func stored(path string) (n int, lost uint64, err error) {
	r, err := history.OpenReader(path)
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	err = r.Lives(context.Background(), history.Query{}, func(l *history.Life) error {
		if !l.Open {
			n++
		}
		return nil
	})
	gaps, err2 := r.Gaps(context.Background(), time.Time{}, time.Time{})
	for _, g := range gaps {
		lost += g.Lost
	}
	return n, lost, errors.Join(err, err2)
}

// load is the process that makes connections; it ends with its standard input.
type load struct {
	cmd *exec.Cmd
	in  io.Closer
}

func startLoad(hold, rate int) (*load, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d", loadEnv, hold, rate))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	l := &load{cmd, in}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	if !bufio.NewScanner(out).Scan() {
		return nil, errors.Join(errors.New("the load did not begin"), l.end())
	}
	return l, nil
}

func (l *load) end() error {
	l.in.Close()
	return l.cmd.Wait()
}

// makeLoad is the role of that process.
func makeLoad(text string) error {
	var hold, rate int
	if _, err := fmt.Sscan(text, &hold, &rate); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	go serve(l)
	for range hold {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		defer c.Close()
	}
	fmt.Println("ready")
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	done := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(done) }()
	for begun, made := time.Now(), 0; ; {
		select {
		case <-done:
			return nil
		case <-tick.C:
		}
		for ; made < int(time.Since(begun).Seconds()*float64(rate)); made++ {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				return err
			}
			_, _ = c.Write([]byte("a request"))
			time.AfterFunc(time.Duration(made%4)*100*time.Millisecond, func() { c.Close() })
		}
	}
}

// serve reads what comes until it ends.
func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(io.Discard, c)
		}()
	}
}
