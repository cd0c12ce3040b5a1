// Package tui is the live screen of sockeye top: connections, processes, listeners, remote hosts and interfaces.
//
// Model is what is shown and how it changes: it takes readings, keys and clicks, and knows nothing of a terminal. Draw makes
// a screen of it, as text with colours. Run puts both into a terminal. Batch writes the same rows as plain text, JSON or CSV.
//
// All of it is for one goroutine at a time. What takes time (names of hosts, details of processes, acting on them) is a job,
// which Run does beside the screen and whose result the model takes when it is there.
package tui
