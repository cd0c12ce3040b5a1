//go:build !windows

package relay

func goneSystem(error) bool { return false }

func refusedSystem(error) bool { return false }

// pipeBacklog is how many clients may wait to be accepted: as many as the system lets.
const pipeBacklog = 0
