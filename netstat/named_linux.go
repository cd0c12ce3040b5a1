package netstat

import "time"

func (t *table) process(pid int, name string, sinceBoot time.Duration, module bool) *Process {
	if t.procs.known == nil {
		t.procs.begin()
	}
	return t.procs.get(pid, uint64(sinceBoot/(time.Second/ticksPerSecond)), []byte(name), module)
}
