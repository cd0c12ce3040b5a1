// Command gopsutil lists the TCP connections with their owners as a program does that uses gopsutil, the library most Go
// programs take for this.
package main

import (
	"fmt"
	"os"

	"github.com/shirou/gopsutil/v4/net"
)

func main() {
	conns, err := net.Connections("tcp")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(len(conns))
}
