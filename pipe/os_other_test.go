//go:build !windows

package pipe_test

func isWine() bool { return false }
