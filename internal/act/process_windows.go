package act

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// process is a handle. While it is open the id is not given to another process.
type process struct{ h windows.Handle }

// systemPID is the kernel's process, which owns the ports of http.sys and of file sharing; 0 is the idle process.
const systemPID = 4

func first(pid int) bool { return pid <= 0 || pid == systemPID }

// errCritical is for processes at whose end Windows stops with a blue screen.
var errCritical = errors.New("Windows cannot be without it, and would stop")

const access = windows.PROCESS_TERMINATE | windows.PROCESS_QUERY_LIMITED_INFORMATION | windows.SYNCHRONIZE

func (p *process) open(pid int) error {
	h, err := windows.OpenProcess(access, false, uint32(pid))
	if err != nil {
		return fmt.Errorf("OpenProcess: %w", err)
	}
	p.h = h
	return nil
}

func (p *process) check() error {
	if critical(p.h) {
		return errCritical
	}
	if p.ended() {
		return windows.ERROR_INVALID_PARAMETER // as OpenProcess answers for who is not there
	}
	return nil
}

// critical asks for ProcessBreakOnTermination. Who may not ask, or a system that does not tell, is answered by the attempt.
func critical(h windows.Handle) bool {
	var yes, n uint32
	err := windows.NtQueryInformationProcess(h, windows.ProcessBreakOnTermination, unsafe.Pointer(&yes), uint32(unsafe.Sizeof(yes)), &n)
	return err == nil && yes != 0
}

// exitCode is what a process that was terminated leaves, as that of the task manager does.
const exitCode = 1

func (p *process) signal(sig syscall.Signal) error {
	if !Ends(sig) {
		return errors.ErrUnsupported
	}
	if p.ended() {
		return windows.ERROR_INVALID_PARAMETER
	}
	if err := windows.TerminateProcess(p.h, exitCode); err != nil {
		if p.ended() { // in the last moment, which is answered with ERROR_ACCESS_DENIED
			return windows.ERROR_INVALID_PARAMETER
		}
		return fmt.Errorf("TerminateProcess: %w", err)
	}
	return nil
}

func (p *process) resume() {}

// wait waits for the process or, when the context ends, for an event.
func (p *process) wait(ctx context.Context) error {
	stopped, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return fmt.Errorf("CreateEvent: %w", err)
	}
	defer windows.CloseHandle(stopped)
	set := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() { _ = windows.SetEvent(stopped); close(set) })
	defer func() {
		if !cancel() { // it runs, or has run: not before it is done may the event be closed
			<-set
		}
	}()
	n, err := windows.WaitForMultipleObjects([]windows.Handle{p.h, stopped}, false, windows.INFINITE)
	switch {
	case err != nil:
		return fmt.Errorf("WaitForMultipleObjects: %w", err)
	case n == windows.WAIT_OBJECT_0:
		return nil
	}
	return ctx.Err()
}

func (p *process) ended() bool {
	n, err := windows.WaitForSingleObject(p.h, 0)
	return err == nil && n == windows.WAIT_OBJECT_0
}

func (p *process) alive() bool { return p.h != 0 && !p.ended() }

func (p *process) close() error {
	if p.h == 0 {
		return nil
	}
	err := windows.CloseHandle(p.h)
	p.h = 0
	return err
}

func (p *process) why(r Reason) string {
	switch r {
	case Denied:
		return "it takes an Administrator, or the user whose it is"
	case Gone:
		return "it has ended"
	case Unsupported:
		return "Windows has no such signal"
	}
	return ""
}

// reasonOf sorts the errors of processes and of SetTcpEntry.
func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, errCritical):
		return Refused
	case errors.Is(err, windows.ERROR_ACCESS_DENIED), errors.Is(err, windows.ERROR_PRIVILEGE_NOT_HELD), errors.Is(err, windows.ERROR_ELEVATION_REQUIRED):
		return Denied
	case errors.Is(err, windows.ERROR_INVALID_PARAMETER), errors.Is(err, windows.ERROR_NOT_FOUND):
		return Gone
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, windows.ERROR_NOT_SUPPORTED), errors.Is(err, windows.ERROR_PROC_NOT_FOUND),
		errors.Is(err, windows.ERROR_MOD_NOT_FOUND), errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED):
		return Unsupported
	}
	return Failed
}

// Ends reports whether a signal is meant to end a process, which is what Windows has.
func Ends(sig syscall.Signal) bool { return sig == syscall.SIGTERM || sig == syscall.SIGKILL }

// ParseSignal reads the name of a signal, with or without SIG and in any case.
func ParseSignal(name string) (syscall.Signal, error) {
	switch strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(name)), "SIG") {
	case "TERM", "15":
		return syscall.SIGTERM, nil
	case "KILL", "9":
		return syscall.SIGKILL, nil
	}
	return 0, fmt.Errorf("there is no signal %q on Windows: TERM and KILL both terminate", name)
}

// SignalName is the short name of a signal: TERM, KILL.
func SignalName(sig syscall.Signal) string {
	if sig == syscall.SIGKILL {
		return "KILL"
	}
	return "TERM"
}

// SignalNames are those that are of use here.
func SignalNames() []string { return []string{"TERM", "KILL"} }
