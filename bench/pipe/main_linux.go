// Pipe measures the package pipe beside net.UnixConn, and beside a stream with naive length prefixes, in one run:
//
//	go run ./bench/pipe
//
// Server and client are two processes. The subjects take turns. See bench/README.md.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"
)

type config struct {
	rounds int
	length time.Duration
	out    string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		if err := child(os.Args[2:]); err != nil {
			log.Fatal("pipe: child: ", err)
		}
		return
	}
	var c config
	flag.IntVar(&c.rounds, "rounds", 9, "turns of each subject; the median counts")
	flag.DurationVar(&c.length, "length", 300*time.Millisecond, "time of one turn")
	flag.StringVar(&c.out, "out", filepath.Join("bench", "results"), "where pipe.md is written; empty is nowhere")
	flag.Parse()
	if err := run(c); err != nil {
		log.Fatal("pipe: ", err)
	}
}

func run(c config) error {
	r, err := measure(c)
	if err != nil {
		return err
	}
	text := r.markdown()
	fmt.Print(text)
	if c.out == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(c.out, "pipe.md"), []byte(text), 0o644)
}
