// Command echo measures echo servers: package completion on io_uring and on epoll against Go's net, and against programs
// in C on liburing, epoll, libuv and asio, in one run. The server and the client that loads it have a processor each.
//
//	go run ./bench/echo
//
// It needs a C compiler and liburing for the client. What cannot be built is left out and named. Further servers are given
// as -peer "NAME=COMMAND", where PORT stands for the port of 127.0.0.1 that they are to listen at. It prints a table with
// medians, and writes bench/results/echo.md and echo.json.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// options are the command line.
type options struct {
	cases     []load
	rounds    int
	seconds   float64
	serverCPU int
	clientCPU int
	out       string
	peers     []string
	only      string
	idle      int
}

// load is one case: so many connections with one message of so many bytes each under way.
type load struct {
	Conns int `json:"conns"`
	Size  int `json:"size"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/echo:", err)
		os.Exit(1)
	}
}

func run() error {
	o, err := parseOptions()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "bench-echo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	subjects, missing, err := build(dir, o)
	if err != nil {
		return err
	}
	r := &report{Options: o, Missing: missing, Machine: lab.Machine(), Time: time.Now().UTC().Format(time.DateOnly)}
	for _, c := range o.cases {
		rows, err := measure(o, filepath.Join(dir, "load"), subjects, c)
		if err != nil {
			return err
		}
		r.Cases = append(r.Cases, result{load: c, Rows: rows})
		fmt.Fprintf(os.Stderr, "%d x %d B is done\n", c.Conns, c.Size)
	}
	if o.idle > 0 {
		r.Conns, r.Idle = o.idle, measureIdle(o, filepath.Join(dir, "load"), subjects)
	}
	return lab.Write(o.out, "echo", r.markdown(), r)
}

func parseOptions() (*options, error) {
	o := &options{}
	cases := flag.String("cases", "1x64,50x64,500x64,5000x64,50x4096,500x4096", "connections x bytes")
	flag.IntVar(&o.rounds, "rounds", 7, "runs of each server in each case; they take turns")
	flag.Float64Var(&o.seconds, "seconds", 1.5, "length of a run")
	flag.IntVar(&o.serverCPU, "server-cpu", 0, "processor of the servers")
	flag.IntVar(&o.clientCPU, "client-cpu", 1, "processor of the client")
	flag.StringVar(&o.out, "out", "bench/results", "where echo.md and echo.json are written; empty is nowhere")
	flag.IntVar(&o.idle, "idle", 10000, "idle connections whose memory is measured; 0 is not to")
	flag.StringVar(&o.only, "only", "", "servers whose name contains one of these words")
	flag.Func("peer", "NAME=COMMAND of a further server (may be repeated)", func(s string) error {
		o.peers = append(o.peers, s)
		return nil
	})
	flag.Parse()
	for _, c := range strings.FieldsFunc(*cases, func(r rune) bool { return r == ',' }) {
		n, size, _ := strings.Cut(c, "x")
		conns, err1 := strconv.Atoi(n)
		bytes, err2 := strconv.Atoi(size)
		if err1 != nil || err2 != nil || conns < 1 || bytes < 1 {
			return nil, fmt.Errorf("case %q is not like 50x64", c)
		}
		o.cases = append(o.cases, load{conns, bytes})
	}
	return o, nil
}
