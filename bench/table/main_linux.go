// Command table measures how fast sockeye lists the socket table, against the programs people use for that today, in one
// run on the same table: 300 idle processes with 20 descriptors each, and N established connections held by 10 processes,
// in a network namespace of its own. It needs root.
//
//	go run ./bench/table -n 1000,10000,100000
//
// It prints a table with medians, ratios and the project's targets, and writes bench/results/table.md and table.json.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// options are the command line, and what the outer process built for the inner one.
type options struct {
	sizes   []int
	rounds  int
	limit   time.Duration
	idle    int
	holders int
	out     string
	bin     string // directory of what was built; set for the inner process only
}

// The roles in which the program starts itself again.
var roles = map[string]func(args []string) error{"holder": holder, "reread": reread}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			exit(role(os.Args[2:]))
		}
	}
	o, err := parseOptions()
	switch {
	case err != nil:
		exit(err)
	case o.bin == "":
		exit(lab.Apart(o.out, build))
	default:
		exit(inner(o))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/table:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parseOptions() (options, error) {
	var o options
	sizes := flag.String("n", "1000,10000", "numbers of established connections, separated by commas")
	flag.IntVar(&o.rounds, "rounds", 15, "how often each program is run at most")
	flag.DurationVar(&o.limit, "limit", 90*time.Second, "time for all runs of one program at one size; one run is always made")
	flag.IntVar(&o.idle, "idle", 300, "idle processes, with 20 descriptors each")
	flag.IntVar(&o.holders, "holders", 10, "processes that hold the connections")
	flag.StringVar(&o.out, "out", "", "where the results are written; default bench/results of the module")
	flag.StringVar(&o.bin, "bin", "", "internal: where the programs were built")
	flag.Parse()
	for s := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return o, fmt.Errorf("-n: %q is not a number of connections", s)
		}
		o.sizes = append(o.sizes, n)
	}
	return o, nil
}

// build makes sockeye, and the peer that is a library; without the network that one is left out.
func build(root, bin string) error {
	if err := lab.Build(root, filepath.Join(bin, "sockeye"), "./cmd/sockeye"); err != nil {
		return err
	}
	if err := lab.Build(filepath.Join(root, "bench", "peers"), filepath.Join(bin, "gopsutil"), "./gopsutil"); err != nil {
		fmt.Fprintln(os.Stderr, "bench/table: without gopsutil:", err)
	}
	return nil
}

// inner runs in the namespace: a load and a measurement for each size.
func inner(o options) error {
	if err := lab.LoopbackUp(); err != nil {
		return err
	}
	idle, err := startIdle(o.idle)
	defer idle.stop()
	if err != nil {
		return err
	}
	report := newReport(o)
	for _, n := range o.sizes {
		result, err := measureSize(o, n)
		if err != nil {
			return fmt.Errorf("%d connections: %w", n, err)
		}
		report.Sizes = append(report.Sizes, result)
	}
	return report.write(o.out)
}

func measureSize(o options, n int) (sizeResult, error) {
	start, holders := time.Now(), holdersFor(n, o.holders)
	load, err := startLoad(n, holders)
	defer load.stop()
	if err != nil {
		return sizeResult{}, err
	}
	fmt.Fprintf(os.Stderr, "%d connections in %v\n", n, time.Since(start).Round(time.Millisecond))
	result, err := measure(o, n, load.port)
	result.Holders = holders
	return result, err
}

// holdersFor is how many processes hold n connections: as many as wanted, or more where none may have that many descriptors.
func holdersFor(n, wanted int) int {
	const besides = 200 // listeners, standard files, and the two ends' uneven shares
	var r unix.Rlimit
	need := uint64(2*n/wanted + besides)
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil || need <= r.Max || raiseFiles(need) == nil {
		return wanted
	}
	return 2*n/int(r.Max-besides) + 1
}
