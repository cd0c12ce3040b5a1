package netstat

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/procfs"
)

// ticksPerSecond is USER_HZ, which every Linux architecture that Go runs on reports as 100 to user space.
const ticksPerSecond = 100

// processes keeps one Process for each process that owns a socket, from one reading to the next, so that a table that is
// read again allocates only for new processes.
type processes struct {
	known      map[int]*cached
	generation uint32
	boot       time.Time // the moment of boot, fixed so that a process's start does not wander when the clock is set

	denied     int  // processes that could not be looked at for lack of permission
	incomplete bool // or for another reason
	moving     bool // TCP sockets came or went while processes were looked at

	// unsearched says of a socket without an owner that it was not looked for everywhere; nil where all were.
	unsearched func(inode uint32) bool
}

type cached struct {
	process    *Process
	generation uint32
	hasModule  bool
}

func (p *processes) begin() {
	p.generation++
	p.denied, p.incomplete, p.moving, p.unsearched = 0, false, false, nil
	if p.known == nil {
		p.known = make(map[int]*cached)
		p.boot = bootTime()
	}
}

// end forgets processes that own nothing any more.
func (p *processes) end() {
	for pid, c := range p.known {
		if c.generation != p.generation {
			delete(p.known, pid)
		}
	}
}

func (p *processes) close() error { p.known = nil; return nil }

// get is the Process with this id, start (in clock ticks since boot) and name. A Process that was handed out is never
// changed: another start or name makes another one.
func (p *processes) get(pid int, start uint64, name []byte, module bool) *Process {
	c := p.known[pid]
	if c == nil || c.process.ticks != start || c.process.Name != string(name) || module && !c.hasModule {
		c = &cached{process: p.make(pid, start, name, module), hasModule: module}
		p.known[pid] = c
	}
	c.generation = p.generation
	return c.process
}

func (p *processes) make(pid int, start uint64, name []byte, module bool) *Process {
	pr := &Process{PID: pid, Name: string(name), ticks: start}
	if start != 0 {
		pr.Started = p.boot.Add(time.Duration(start) * (time.Second / ticksPerSecond))
	}
	if module {
		pr.Module = moduleOfProcess(pid)
	}
	return pr
}

// bootTime is the moment at which the clock that processes' starts are told by began.
func bootTime() time.Time {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return time.Time{}
	}
	return time.Now().Add(-time.Duration(ts.Nano()))
}

// moduleOfProcess is the unit or container that the process's cgroup names, "" where there is none or it may not be read.
func moduleOfProcess(pid int) string {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	groups, err := procfs.ParseCgroup(b)
	if err != nil {
		return ""
	}
	return groups.Module()
}
