// Command watch measures what it costs to watch the sockets of a machine, against the programs people use for that today, in
// one run on the same load: 10,000 idle connections of which 500 send a little each second, 200 connections opened and 200
// closed each second, and 300 idle processes with 20 descriptors each, in a network namespace of its own that has only a
// loopback interface. It needs root.
//
//	go run ./bench/watch
//
// It measures three things: the processor time and the memory of each watcher; how much slower those are that it watches;
// and whether its memory stays as it is while an hour's worth of connections comes and goes. It prints tables with the
// project's targets, and writes bench/results/watch.md and watch.json.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// options are the command line, and what the outer process built for the inner one.
type options struct {
	connections, sends, rate, idle, holders int

	seconds, peerSeconds int
	pairs                int
	block                time.Duration
	events, pace         int

	parts     string
	bandwhich string
	out       string
	bin       string // directory of what was built; set for the inner process only
}

// The roles in which the program starts itself again.
var roles = map[string]func(args []string) error{
	"hold": hold, "serve": serve, "churn": churn, "pulse": pulse, "look": look, "nobpf": forbidBPF,
}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			exit(role(os.Args[2:]))
		}
	}
	o := parseOptions()
	if o.bin == "" {
		exit(lab.Apart(o.out, build))
	}
	exit(inner(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/watch:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parseOptions() (o options) {
	flag.IntVar(&o.connections, "n", 10000, "established connections")
	flag.IntVar(&o.sends, "sends", 500, "how many of them send a little, each second")
	flag.IntVar(&o.rate, "rate", 200, "connections opened, and as many closed, each second")
	flag.IntVar(&o.idle, "idle", 300, "idle processes, with 20 descriptors each")
	flag.IntVar(&o.holders, "holders", 10, "processes that hold the connections")
	flag.IntVar(&o.seconds, "seconds", 60, "how long each watcher that has a target is measured")
	flag.IntVar(&o.peerSeconds, "peer-seconds", 20, "how long each of the others is")
	flag.IntVar(&o.pairs, "pairs", 15, "pairs of blocks, one with the watcher and one without, that slow-down is told from")
	flag.DurationVar(&o.block, "block", 250*time.Millisecond, "length of a block")
	flag.IntVar(&o.events, "events", 200*3600, "connections that memory is watched over; as many as in an hour")
	flag.IntVar(&o.pace, "pace", 12000, "how many of them there are in a second")
	flag.StringVar(&o.parts, "parts", "cpu,slow,memory", "what is measured")
	flag.StringVar(&o.bandwhich, "bandwhich", "bandwhich", "the program, if it is not in the PATH")
	flag.StringVar(&o.out, "out", "", "where the results are written; default bench/results of the module")
	flag.StringVar(&o.bin, "bin", "", "internal: where the programs were built")
	flag.Parse()
	return o
}

// build makes sockeye, and the peer that is a library; without the network that one is left out.
func build(root, bin string) error {
	if err := lab.Build(root, filepath.Join(bin, "sockeye"), "./cmd/sockeye"); err != nil {
		return err
	}
	if err := lab.Build(filepath.Join(root, "bench", "peers"), filepath.Join(bin, "gopsutilpoll"), "./gopsutilpoll"); err != nil {
		fmt.Fprintln(os.Stderr, "bench/watch: without gopsutil:", err)
	}
	return nil
}

// inner runs in the namespace.
func inner(o options) error {
	runtime.LockOSThread() // children die with the thread that started them
	if err := prepareNamespace(); err != nil {
		return err
	}
	l, err := startLoad(o)
	defer l.end()
	if err != nil {
		return err
	}
	r := newReport(o)
	for _, part := range strings.Split(o.parts, ",") {
		if err := measure(part, o, l, r); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	r.Load.SendsMade, err = l.end()
	if err != nil {
		return err
	}
	return r.write(o.out)
}

func measure(part string, o options, l *load, r *report) (err error) {
	switch part {
	case "cpu":
		r.CPU, err = measureCPU(o, l)
	case "slow":
		r.Slow, err = measureSlow(o)
	case "memory":
		r.Memory, err = measureMemory(o)
	default:
		err = fmt.Errorf("-parts: there is no such part")
	}
	return err
}

// prepareNamespace brings the loopback up, and gives 200 connections a second enough ports to leave in TIME_WAIT.
func prepareNamespace() error {
	if err := lab.LoopbackUp(); err != nil {
		return err
	}
	return sysctl("net/ipv4/ip_local_port_range", "10000 65000")
}

func sysctl(name, value string) error {
	return os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
}
