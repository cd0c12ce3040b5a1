// Command transmit measures TransmitFile and TransmitPackets beside what programs use today, in one run: io.Copy and
// writes of Go's net, and nginx. Server (or sender) and client have a processor each.
//
//	go run ./bench/transmit
//
// It needs a C compiler for the client. nginx is left out and named where there is none. It prints tables with medians, and
// writes bench/results/transmit.md and transmit.json.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// options are the command line.
type options struct {
	sizes     []int
	conns     int
	rounds    int
	seconds   float64
	serverCPU int
	clientCPU int
	out       string
	only      string
	parts     string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench/transmit:", err)
		os.Exit(1)
	}
}

func run() error {
	o, err := parseOptions()
	if err != nil {
		return err
	}
	b, err := build(o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	r := &report{Options: o, Missing: b.missing, Machine: lab.Machine(), Time: time.Now().UTC().Format(time.DateOnly)}
	if strings.Contains(o.parts, "files") {
		for _, size := range o.sizes {
			rows, err := b.files(size)
			if err != nil {
				return err
			}
			r.Files = append(r.Files, result{Case: strconv.Itoa(size), Rows: rows})
			fmt.Fprintf(os.Stderr, "files of %d B are done\n", size)
		}
	}
	if strings.Contains(o.parts, "packets") {
		for _, c := range packetCases {
			rows, err := b.packets(c)
			if err != nil {
				return err
			}
			r.Packets = append(r.Packets, result{Case: c.name, Rows: rows})
			fmt.Fprintf(os.Stderr, "%s is done\n", c.name)
		}
	}
	return lab.Write(o.out, "transmit", r.markdown(), r)
}

func parseOptions() (*options, error) {
	o := &options{}
	sizes := flag.String("sizes", "4096,65536,1048576", "sizes of files")
	flag.IntVar(&o.conns, "conns", 50, "connections that ask for files")
	flag.IntVar(&o.rounds, "rounds", 7, "runs of each way in each case; they take turns")
	flag.Float64Var(&o.seconds, "seconds", 1.5, "length of a run")
	flag.IntVar(&o.serverCPU, "server-cpu", 0, "processor of the servers and senders")
	flag.IntVar(&o.clientCPU, "client-cpu", 1, "processor of the client")
	flag.StringVar(&o.out, "out", "bench/results", "where transmit.md and transmit.json are written; empty is nowhere")
	flag.StringVar(&o.only, "only", "", "ways whose name contains one of these words, and io.Copy")
	flag.StringVar(&o.parts, "parts", "files,packets", "what is measured")
	flag.Parse()
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("size %q is not a number of bytes", s)
		}
		o.sizes = append(o.sizes, n)
	}
	return o, nil
}
