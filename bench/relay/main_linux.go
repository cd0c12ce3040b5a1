// Relay measures sockeye relay beside socat, in one run: how fast one connection's bytes go through, what CPU time that
// takes, and how long a small message takes there and back.
//
//	go run ./bench/relay
//
// The programs take turns, each turn with a process of its own. See bench/README.md.
package main

import (
	"flag"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

type config struct {
	size      int64
	rounds    int
	exchanges int
	pairs     string
	out       string
}

func main() {
	var c config
	flag.Int64Var(&c.size, "size", 2<<30, "bytes of one turn")
	flag.IntVar(&c.rounds, "rounds", 7, "turns of each program; the median counts")
	flag.IntVar(&c.exchanges, "exchanges", 20_000, "messages of 64 bytes there and back, in one turn")
	flag.StringVar(&c.pairs, "pairs", "tcp-tcp,unix-tcp,tcp-unix,unix-unix", "what is joined: who connects to the relay, and whom it connects to")
	flag.StringVar(&c.out, "out", "bench/results", "where relay.md is written; empty is nowhere")
	flag.Parse()
	log.SetFlags(0)
	log.SetPrefix("relay: ")
	if err := c.run(); err != nil {
		log.Fatal(err)
	}
}

func (c *config) run() error {
	dir, err := os.MkdirTemp("", "sockeye-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := programs(dir)
	if err != nil {
		return err
	}
	var results []result
	for _, pair := range strings.Split(c.pairs, ",") {
		r, err := c.measure(dir, pair, all)
		if err != nil {
			return err
		}
		results = append(results, r...)
	}
	return c.report(results)
}

// program relays from the one address to the other, for one connection.
type program struct {
	name string
	args func(listen, connect string) []string
}

func programs(dir string) ([]program, error) {
	sockeye := filepath.Join(dir, "sockeye")
	build := exec.Command("go", "build", "-o", sockeye, "./cmd/sockeye")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, err
	}
	all := []program{{"sockeye relay", func(l, c string) []string { return []string{sockeye, "relay", "--once", l, c} }}}
	socat, err := exec.LookPath("socat")
	if err != nil {
		log.Print("left out: ", err)
		return all, nil
	}
	for _, size := range []string{"8192", "65536"} { // the first is what it has by itself
		all = append(all, program{"socat -b " + size, func(l, c string) []string {
			return []string{socat, "-b", size, socatAddress(l), socatAddress(c)}
		}})
	}
	return all, nil
}

// socatAddress is an end in socat's words.
func socatAddress(end string) string {
	kind, rest, _ := strings.Cut(end, ":")
	switch kind {
	case "tcp-listen":
		host, port, _ := strings.Cut(rest, ":")
		return "TCP-LISTEN:" + port + ",reuseaddr,bind=" + host
	case "unix-listen":
		return "UNIX-LISTEN:" + rest
	case "unix":
		return "UNIX-CONNECT:" + rest
	}
	return "TCP:" + rest
}
