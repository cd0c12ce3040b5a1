// Command shortconn measures connections that live for one exchange: accepting them with their first block (AcceptEx), using
// a client's socket again (DisconnectEx with TF_REUSE_SOCKET), and connecting with data by fast open (ConnectEx). Each is
// compared with what a Go program does without, in one run; what is measured has one processor, and what loads it another.
//
//	go run ./bench/shortconn
//
// Fast open needs root, /dev/net/tun and the program ip; without them it is left out and named. It prints tables with medians, and
// writes bench/results/shortconn.md and shortconn.json.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// options are the command line.
type options struct {
	rounds   int
	seconds  float64
	clients  int
	delay    time.Duration
	cpu      int
	otherCPU int
	out      string
	parts    string
}

func main() {
	var err error
	if role := os.Getenv(roleEnv); role != "" {
		err = play(role)
	} else {
		err = run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/shortconn:", err)
		os.Exit(1)
	}
}

func run() error {
	o := &options{}
	flag.IntVar(&o.rounds, "rounds", 7, "runs of each program; they take turns")
	flag.Float64Var(&o.seconds, "seconds", 2, "length of a run")
	flag.IntVar(&o.clients, "clients", 32, "clients at once, of the servers")
	flag.DurationVar(&o.delay, "delay", 20*time.Millisecond, "round trip of the link that fast open is measured on")
	flag.IntVar(&o.cpu, "cpu", 0, "processor of what is measured")
	flag.IntVar(&o.otherCPU, "other-cpu", 1, "processor of the other side")
	flag.StringVar(&o.out, "out", "bench/results", "where shortconn.md and shortconn.json are written; empty is nowhere")
	flag.StringVar(&o.parts, "parts", "accept,reuse,fastopen", "what is measured")
	flag.Parse()
	r, err := measure(o)
	if err != nil {
		return err
	}
	return lab.Write(o.out, "shortconn", r.markdown(o), r)
}
