// Package sockeye is the root of a module for the sockets and pipes of a machine, on Linux and on Windows.
//
// The public package so far is [github.com/sockeye-net/sockeye/netstat]: the socket table, and who owns each socket.
// The command that shows it is cmd/sockeye. How the module is built stands in docs/architecture.md.
package sockeye
