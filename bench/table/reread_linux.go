package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// rereadQuery is what `sockeye list -tan` shows, with owners and counters.
var rereadQuery = netstat.Query{Protos: netstat.QueryTCP, Owner: netstat.OwnerPID, Info: true}

// reread is the role of a program that keeps a table open: it reads again and again, and says how many nanoseconds each
// time took. The first three are for growing buffers.
func reread(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	t, err := netstat.Open(nil)
	if err != nil {
		return err
	}
	defer t.Close()
	var s netstat.Snapshot
	for i := range n + 3 {
		start := time.Now()
		if err := t.Read(rereadQuery, &s); err != nil {
			return err
		}
		if i >= 3 {
			fmt.Println(time.Since(start).Nanoseconds(), len(s.Sockets), s.Method)
		}
	}
	return nil
}
