package netstat

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/miblayout"
	"github.com/sockeye-net/sockeye/internal/ntlayout"
)

// processDetails reads what the list of processes tells everybody (start, parents), what the service manager tells, and
// what the process itself tells those who may open it.
func processDetails(p *Process) (d Details, err error) {
	var list processList
	if err := list.read(); err != nil {
		return d, &OpError{"details", err}
	}
	entry, ok := list.byPID[uint32(p.PID)]
	if !ok || !p.Started.IsZero() && !p.Started.Equal(miblayout.Time(entry.Created)) {
		return d, gone(p.PID)
	}
	d.Started, d.Parents = miblayout.Time(entry.Created), list.parents(entry)
	var errs []error
	var s services
	if err := s.read(); err != nil {
		errs = append(errs, fmt.Errorf("services: %w", err))
	}
	d.Module = strings.Join(s.of(entry.PID), ",")
	errs = append(errs, d.ask(entry)...)
	if err := errors.Join(errs...); err != nil {
		return d, &OpError{"details", err}
	}
	return d, nil
}

func gone(pid int) error {
	return &OpError{"details", fmt.Errorf("process %d: %w", pid, ErrProcessGone)}
}

// ask opens the process and fills in what it tells. The idle process and the kernel have no file, command line or user.
func (d *Details) ask(e ntlayout.Process) []error {
	if e.PID == 0 || e.PID == systemPID {
		return nil
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, e.PID)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return []error{fmt.Errorf("process %d: %w", e.PID, ErrProcessGone)}
	}
	if err != nil {
		return []error{fmt.Errorf("executable, command line and user of process %d: %w", e.PID, err)}
	}
	defer windows.CloseHandle(h)
	if created, err := createdAt(h); err != nil || created != e.Created {
		return []error{fmt.Errorf("process %d: %w", e.PID, errors.Join(ErrProcessGone, err))}
	}
	return d.askHandle(h)
}

func (d *Details) askHandle(h windows.Handle) (errs []error) {
	var err error
	if d.Exe, err = imageName(h); err != nil {
		errs = append(errs, fmt.Errorf("executable: %w", err))
	}
	if d.Args, err = commandLine(h); err != nil {
		errs = append(errs, fmt.Errorf("command line: %w", err))
	}
	if d.User, err = userOf(h); err != nil {
		errs = append(errs, fmt.Errorf("user: %w", err))
	}
	return errs
}

// createdAt is when the process was created, as a FILETIME.
func createdAt(h windows.Handle) (int64, error) {
	var created, exited, kernel, user windows.Filetime
	err := windows.GetProcessTimes(h, &created, &exited, &kernel, &user)
	return int64(created.HighDateTime)<<32 | int64(created.LowDateTime), err
}

// now is the time as a FILETIME, from the clock that processes are stamped by: that of time.Now stands still for
// milliseconds, and a process that is just born would seem to come from the future.
func now() int64 {
	var f windows.Filetime
	windows.GetSystemTimePreciseAsFileTime(&f)
	return int64(f.HighDateTime)<<32 | int64(f.LowDateTime)
}

// imageName is the path of the executable, as Win32 has it.
func imageName(h windows.Handle) (string, error) {
	buf := make([]uint16, windows.MAX_PATH)
	for {
		n := uint32(len(buf))
		err := windows.QueryFullProcessImageName(h, 0, &buf[0], &n)
		if err == nil {
			return windows.UTF16ToString(buf[:n]), nil
		}
		if !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER) || len(buf) > windows.MAX_LONG_PATH {
			return "", err
		}
		buf = make([]uint16, 4*len(buf))
	}
}

// userOf is the user whose token the process has, as DOMAIN\name, or its SID where no name is known for it.
func userOf(h windows.Handle) (string, error) {
	var token windows.Token
	if err := windows.OpenProcessToken(h, windows.TOKEN_QUERY, &token); err != nil {
		return "", err
	}
	defer token.Close()
	u, err := token.GetTokenUser()
	if err != nil {
		return "", err
	}
	name, domain, _, err := u.User.Sid.LookupAccount("")
	if err != nil {
		return u.User.Sid.String(), nil
	}
	return domain + `\` + name, nil
}
