// Command top measures sockeye top against the programs people use for that today, each in a terminal of 200 by 60 cells, over
// the same 10,000 connections, while 200 a second come and go, in a network namespace of its own. It needs root.
//
//	go run ./bench/top
//
// It measures processor time, the time from the start to the first screen, the time from a key to the screen that answers it,
// and the time that making and drawing a frame takes. It prints a table with the project's targets, and writes
// bench/results/top.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// options are the command line, and what the outer process built for the inner one.
type options struct {
	connections, sends, rate, idle, holders int

	seconds, starts, keys int
	out, bin              string
}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			exit(role(os.Args[2:]))
		}
	}
	var o options
	flag.IntVar(&o.connections, "n", 10000, "established connections")
	flag.IntVar(&o.sends, "sends", 500, "how many of them send a little, each second")
	flag.IntVar(&o.rate, "rate", 200, "connections opened, and as many closed, each second")
	flag.IntVar(&o.idle, "idle", 300, "idle processes, with 20 descriptors each")
	flag.IntVar(&o.holders, "holders", 10, "processes that hold the connections")
	flag.IntVar(&o.seconds, "seconds", 20, "how long the processor time of each program is measured")
	flag.IntVar(&o.starts, "starts", 11, "starts of which the median is taken")
	flag.IntVar(&o.keys, "keys", 60, "keys that are pressed")
	flag.StringVar(&o.out, "out", "", "where the results are written; default bench/results of the module")
	flag.StringVar(&o.bin, "bin", "", "internal: where the programs were built")
	flag.Parse()
	if o.bin == "" {
		exit(lab.Apart(o.out, build))
	}
	exit(inner(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/top:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func build(root, bin string) error {
	return lab.Build(root, filepath.Join(bin, "sockeye"), "./cmd/sockeye")
}

// inner runs in the namespace.
func inner(o options) error {
	runtime.LockOSThread() // children die with the thread that started them
	if err := lab.LoopbackUp(); err != nil {
		return err
	}
	stop, err := startLoad(o)
	defer stop()
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	r := &report{o: o}
	if err := r.measure(); err != nil {
		return err
	}
	return r.write()
}
