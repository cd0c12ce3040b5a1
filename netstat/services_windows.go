package netstat

import (
	"bytes"
	"errors"
	"unsafe"

	"golang.org/x/sys/windows"
)

// services are the running services by the process that hosts them, as the service manager tells every user. The zero
// value is ready.
type services struct {
	ok       bool // they could be read
	byPID    map[uint32][]string
	buf, old []byte // the manager's answer and the one before, whose names byPID was made of
}

// of returns the services of a process; none where they could not be read.
func (s *services) of(pid uint32) []string {
	if !s.ok {
		return nil
	}
	return s.byPID[pid]
}

// read asks the manager. While the answer stays the same nothing is allocated but the manager's handle.
func (s *services) read() error {
	s.ok = false
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_ENUMERATE_SERVICE)
	if err != nil {
		return err
	}
	defer windows.CloseServiceHandle(m)
	n, err := s.enumerate(m)
	if err != nil {
		return err
	}
	s.ok = true
	if s.byPID == nil || !bytes.Equal(s.buf, s.old) {
		s.index(n)
		s.old = append(s.old[:0], s.buf...)
	}
	return nil
}

// enumerate reads the running services into s.buf and returns how many there are. The answer grows when services start, so
// it is asked for again as the socket tables are.
func (s *services) enumerate(m windows.Handle) (n uint32, err error) {
	if s.buf == nil {
		s.buf = make([]byte, 64<<10)
	}
	for range 10 {
		var more, resume uint32
		clear(s.buf) // else what an earlier answer left would count as a difference
		err = windows.EnumServicesStatusEx(m, windows.SC_ENUM_PROCESS_INFO, windows.SERVICE_WIN32, windows.SERVICE_ACTIVE,
			&s.buf[0], uint32(len(s.buf)), &more, &n, &resume, nil)
		if !errors.Is(err, windows.ERROR_MORE_DATA) {
			return n, err
		}
		s.buf = make([]byte, len(s.buf)+int(more)+4096)
	}
	return 0, err
}

// index makes byPID of the n entries in s.buf. Names are pointers into it.
func (s *services) index(n uint32) {
	const size = uint32(unsafe.Sizeof(windows.ENUM_SERVICE_STATUS_PROCESS{}))
	s.byPID = make(map[uint32][]string, n)
	for _, e := range unsafe.Slice((*windows.ENUM_SERVICE_STATUS_PROCESS)(unsafe.Pointer(&s.buf[0])), min(n, uint32(len(s.buf))/size)) {
		if pid := e.ServiceStatusProcess.ProcessId; pid != 0 {
			s.byPID[pid] = append(s.byPID[pid], windows.UTF16PtrToString(e.ServiceName))
		}
	}
}
