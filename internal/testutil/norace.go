//go:build !race

package testutil

// raced reports whether the race detector is in this program, which takes it about ten times as long.
const raced = false
