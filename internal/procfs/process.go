package procfs

import (
	"bytes"
	"strconv"
)

// Stat is what is of use in /proc/PID/stat.
type Stat struct {
	PID   int
	Comm  string // at most 15 bytes, any bytes
	PPID  int
	Start uint64 // clock ticks (1/100 s on every system in use) since boot
	// Kernel is set for a thread of the kernel, which has no descriptors (PF_KTHREAD).
	Kernel bool
}

// Fields of /proc/PID/stat behind the name, counted from 0 (proc_pid_stat(5) counts from 1, and the first behind the
// name is its field 3).
const (
	statPPID  = 1
	statFlags = 6
	statStart = 19

	flagKernel = 0x00200000 // PF_KTHREAD
)

// ParseStat parses /proc/PID/stat. The name in it stands in parentheses and may hold spaces and parentheses itself: it
// ends at the last one.
func ParseStat(b []byte) (Stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 1 || end < open {
		return Stat{}, parseError("process stat", b)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b[:open])))
	if err != nil {
		return Stat{}, parseError("process stat", b)
	}
	s := Stat{PID: pid, Comm: string(b[open+1 : end])}
	if !s.parseFields(b[end+1:]) {
		return Stat{}, parseError("process stat", b)
	}
	return s, nil
}

func (s *Stat) parseFields(b []byte) bool {
	i := 0
	for f := range bytes.FieldsSeq(b) {
		n, ok := uint64(0), true
		switch i {
		case statPPID:
			n, ok = decimal(f)
			s.PPID = int(n)
		case statFlags:
			n, ok = decimal(f)
			s.Kernel = n&flagKernel != 0
		case statStart:
			s.Start, ok = decimal(f)
			return ok
		}
		if !ok {
			return false
		}
		i++
	}
	return false
}

// Status is what is of use in /proc/PID/status.
type Status struct {
	UID          uint32 // the real one
	EffectiveUID uint32
	// NSPID are the process's ids, from the outermost pid namespace that /proc shows to the innermost.
	NSPID []int
}

// ParseStatus parses /proc/PID/status. NSPID is empty before Linux 4.1.
func ParseStatus(b []byte) (Status, error) {
	var s Status
	seen := false
	for line := range bytes.Lines(b) {
		key, value, _ := bytes.Cut(line, []byte{':'})
		ok := true
		switch string(key) {
		case "Uid":
			ok = s.parseUID(value)
			seen = ok
		case "NSpid":
			ok = s.parseNSPID(value)
		}
		if !ok {
			return s, parseError("process status", line)
		}
	}
	if !seen {
		return s, parseError("process status without Uid", b)
	}
	return s, nil
}

func (s *Status) parseUID(b []byte) bool {
	f := bytes.Fields(b)
	if len(f) < 2 {
		return false
	}
	uid, ok1 := decimal(f[0])
	euid, ok2 := decimal(f[1])
	s.UID, s.EffectiveUID = uint32(uid), uint32(euid)
	return ok1 && ok2 && uid>>32 == 0 && euid>>32 == 0
}

func (s *Status) parseNSPID(b []byte) bool {
	s.NSPID = nil
	for f := range bytes.FieldsSeq(b) {
		n, ok := decimal(f)
		if !ok || n > 1<<31-1 {
			return false
		}
		s.NSPID = append(s.NSPID, int(n))
	}
	return true
}

// ParseCmdline splits /proc/PID/cmdline. A thread of the kernel, or a process that is ending, has none. A program that
// wrote its title over its arguments gives what it wrote, without the NULs it was padded with.
func ParseCmdline(b []byte) []string {
	b = bytes.TrimRight(b, "\x00")
	if len(b) == 0 {
		return nil
	}
	args := make([]string, 0, bytes.Count(b, []byte{0})+1)
	for arg := range bytes.SplitSeq(b, []byte{0}) {
		args = append(args, string(arg))
	}
	return args
}

// ParseBootTime finds the time of boot in /proc/stat, seconds since the Unix epoch.
func ParseBootTime(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		value, found := bytes.CutPrefix(line, []byte("btime "))
		if !found {
			continue
		}
		n, ok := decimal(bytes.TrimSpace(value))
		if !ok || n > 1<<62 {
			return 0, parseError("boot time", line)
		}
		return int64(n), nil
	}
	return 0, parseError("no boot time in stat", b)
}
