//go:build !windows

package relay

func goneSystem(error) bool { return false }

func refusedSystem(error) bool { return false }
