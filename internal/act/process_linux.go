package act

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a pidfd (Linux 5.3). It is set not to block, so that Go's poller waits for the end.
type process struct{ fd *os.File }

// first reports whether it is init, or no process that there can be.
func first(pid int) bool { return pid <= 1 }

func (p *process) open(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("pidfd_open: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("fcntl: %w", err)
	}
	p.fd = os.NewFile(uintptr(fd), "pidfd")
	return nil
}

func (p *process) check() error { return p.send(0) }

func (p *process) signal(sig syscall.Signal) error { return p.send(sig) }

func (p *process) send(sig syscall.Signal) error {
	if p.ended() { // a zombie takes signals and does nothing with them
		return fmt.Errorf("pidfd: %w", unix.ESRCH)
	}
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, 0) }); err != nil {
		return err
	}
	if sent != nil {
		return fmt.Errorf("pidfd_send_signal: %w", sent)
	}
	return nil
}

// resume lets a process that is stopped (by SIGSTOP, or a shell) see the signal it was sent.
func (p *process) resume() { _ = p.send(unix.SIGCONT) }

func (p *process) wait(ctx context.Context) error {
	if p.fd == nil {
		return os.ErrClosed
	}
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = p.fd.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for { // again where the deadline is that of an earlier wait
		err := raw.Read(readable)
		if !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			return err
		}
		if err := p.fd.SetReadDeadline(time.Time{}); err != nil {
			return err
		}
		if ctx.Err() != nil { // it has ended since, and that may have been its deadline
			return os.ErrDeadlineExceeded
		}
	}
}

// readable reports whether the process has ended: its pidfd can then be "read".
func readable(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&unix.POLLIN != 0
}

func (p *process) ended() (yes bool) {
	raw, err := p.fd.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { yes = readable(fd) })
	}
	return yes
}

func (p *process) alive() bool { return p.fd != nil && !p.ended() }

func (p *process) close() error {
	if p.fd == nil {
		return nil
	}
	err := p.fd.Close()
	p.fd = nil
	return err
}

func (p *process) why(r Reason) string {
	switch r {
	case Denied:
		return "it is another user's: run this with sudo"
	case Gone:
		return "it has ended"
	case Unsupported:
		return "ending a process without the danger of hitting another takes Linux 5.3"
	}
	return ""
}

// Ends reports whether a signal is meant to end a process. Others are for programs that do something else then (HUP, USR1), or
// stop and continue it.
func Ends(sig syscall.Signal) bool {
	switch sig {
	case unix.SIGTERM, unix.SIGKILL, unix.SIGINT, unix.SIGQUIT, unix.SIGABRT:
		return true
	}
	return false
}

// ParseSignal reads the name of a signal, with or without SIG and in any case, or its number.
func ParseSignal(name string) (syscall.Signal, error) {
	upper := strings.ToUpper(strings.TrimSpace(name))
	if n, err := strconv.Atoi(upper); err == nil && n > 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(upper, "SIG")); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("there is no signal %q", name)
}

// SignalName is the short name of a signal: TERM, KILL.
func SignalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

// SignalNames are those that are of use here.
func SignalNames() []string {
	return []string{"TERM", "KILL", "INT", "QUIT", "HUP", "USR1", "USR2", "STOP", "CONT"}
}
