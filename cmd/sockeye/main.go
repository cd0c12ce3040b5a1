// Command sockeye shows the sockets of a machine and the processes that own them.
//
//	sockeye            every TCP and UDP socket with its owner
//	sockeye who 8080   who owns the port
package main

import (
	"os"

	"github.com/sockeye-net/sockeye/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
