//go:build race

package netstat_test

// churnRuns under the race detector, which makes a reading some ten times slower: the hundred are made without it.
const churnRuns = 20
