// Command sockeye shows the sockets of a machine, the processes that own them, and what they move.
//
//	sockeye            every TCP and UDP socket with its owner
//	sockeye who 8080   who owns the port
//	sockeye traffic    what goes through the interfaces, processes and sockets
//	sockeye watch      what opens and closes, one event a line
package main

import (
	"os"

	"github.com/sockeye-net/sockeye/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
