package netstat

import "github.com/sockeye-net/sockeye/internal/fdwalk"

// memory keeps the holders that a search found, for the next one to look first whether they still hold (see
// fdwalk.Walker.Recheck). It is only a hint where to look: nothing of it is reported that was not seen anew.
type memory struct {
	now, before []fdwalk.Process
	at          map[int]int // process id to its place in now
}

// turn begins a search: what was kept since the last turn is returned, and valid until the next.
func (m *memory) turn() []fdwalk.Process {
	m.now, m.before = m.before[:0], m.now
	clear(m.at)
	return m.before
}

// keep notes what a process holds. The descriptors are copied, into memory that is used again.
func (m *memory) keep(pr *fdwalk.Process) {
	i, ok := m.at[pr.PID]
	if !ok {
		i = m.add(pr.PID)
	}
	m.now[i].FDs = append(m.now[i].FDs, pr.FDs...)
}

func (m *memory) add(pid int) int {
	if m.at == nil {
		m.at = make(map[int]int)
	}
	i := len(m.now)
	m.at[pid] = i
	if i < cap(m.now) {
		m.now = m.now[:i+1]
	} else {
		m.now = append(m.now, fdwalk.Process{})
	}
	m.now[i] = fdwalk.Process{PID: pid, FDs: m.now[i].FDs[:0]}
	return i
}
