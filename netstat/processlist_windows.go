package netstat

import (
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/ntlayout"
)

// processList is the list of all processes, which every user may read. The zero value is ready and empty.
type processList struct {
	buf   []byte
	byPID map[uint32]ntlayout.Process
}

// read replaces the list. Like a socket table it may have grown by the time of the call with the size asked for.
func (l *processList) read() error {
	clear(l.byPID)
	if l.buf == nil {
		l.buf = make([]byte, 256<<10)
	}
	for range 10 {
		var n uint32
		err := windows.NtQuerySystemInformation(windows.SystemProcessInformation, unsafe.Pointer(&l.buf[0]), uint32(len(l.buf)), &n)
		if err == nil {
			return l.index(min(int(n), len(l.buf)))
		}
		if !errors.Is(err, windows.STATUS_INFO_LENGTH_MISMATCH) {
			return err
		}
		l.buf = make([]byte, max(int(n)+int(n)/8, 2*len(l.buf)))
	}
	return windows.STATUS_INFO_LENGTH_MISMATCH
}

func (l *processList) index(n int) error {
	if l.byPID == nil {
		l.byPID = map[uint32]ntlayout.Process{}
	}
	base := uint64(uintptr(unsafe.Pointer(&l.buf[0])))
	defer runtime.KeepAlive(l.buf)
	for p, err := range ntlayout.Processes(l.buf[:n], base, ntlayout.Width(unsafe.Sizeof(uintptr(0)))) {
		if err != nil {
			return err
		}
		l.byPID[p.PID] = p
	}
	return nil
}

// find returns the process, or the zero one.
func (l *processList) find(pid uint32) ntlayout.Process { return l.byPID[pid] }

// parents are the ancestors of a process. An id that was given to a process younger than its supposed child belongs to
// another one, and there the line ends.
func (l *processList) parents(p ntlayout.Process) (line []Parent) {
	for range l.byPID {
		up, ok := l.byPID[p.Parent]
		if !ok || p.Parent == 0 || up.PID == p.PID || up.Created > p.Created {
			break
		}
		line = append(line, Parent{PID: int(up.PID), Name: up.Text()})
		p = up
	}
	return line
}
