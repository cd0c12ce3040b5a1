//go:build race

package watch

// proofConnections are fewer with the race detector, which makes the reader of events slower than those who make them.
const proofConnections = 2_000
