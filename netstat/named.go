package netstat

import "time"

// Process is the Process with this id and short name that began so long after boot (by CLOCK_BOOTTIME), for a program that
// learns of processes in another way, such as BPF. It is the same pointer that snapshots have, as long as the process owns
// sockets in them; the system is asked for nothing but, with OwnerModule, what Process.Module needs. On Windows the boot-time
// clock is not known, and Process.Started stays zero.
func (t *Table) Process(pid int, name string, sinceBoot time.Duration, level OwnerLevel) *Process {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.impl == nil {
		return &Process{PID: pid, Name: name}
	}
	return t.impl.process(pid, name, sinceBoot, level == OwnerModule)
}
