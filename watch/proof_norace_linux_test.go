//go:build !race

package watch

// proofConnections is how many connections the proof makes.
const proofConnections = 10_000
