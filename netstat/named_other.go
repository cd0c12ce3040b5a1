//go:build !linux

package netstat

import "time"

func (t *table) process(pid int, name string, _ time.Duration, _ bool) *Process {
	return &Process{PID: pid, Name: name}
}
