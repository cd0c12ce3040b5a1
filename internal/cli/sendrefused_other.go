//go:build !windows

package cli

func isRefused(error) bool { return false }
