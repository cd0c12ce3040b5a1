// Package cli is the sockeye command: its subcommands, their flags, and what they print. What it has from the system comes
// through [Env], so that whole commands run in tests without a terminal and without a kernel.
package cli
