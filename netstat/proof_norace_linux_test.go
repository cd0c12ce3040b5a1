//go:build !race

package netstat_test

const churnRuns = 100
