package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// serviceName is that of the service, and of its source in the event log.
const serviceName = "sockeye"

// serviceWait is how long a service may take to start or to end.
const serviceWait = 30 * time.Second

// install makes the service and starts it. One that does not start is not left behind.
func (e *Env) install(args []string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	m, err := mgr.Connect()
	if err != nil {
		return serviceFailed("install", err)
	}
	defer m.Disconnect()
	s, err := m.CreateService(serviceName, exe, mgr.Config{StartType: mgr.StartAutomatic, DisplayName: "sockeye", ErrorControl: mgr.ErrorNormal,
		Description: "Records and shows what the sockets of this machine do (sockeye serve)."}, args...)
	if err != nil {
		return serviceFailed("install", err)
	}
	defer s.Close()
	if err := e.begin(s); err != nil {
		return errors.Join(serviceFailed("install", err), s.Delete(), removeSource())
	}
	return e.print("installed and started; sockeye serve status prints its address\n")
}

// begin starts a service that was made, again after failures, and with a name in the event log.
func (e *Env) begin(s *mgr.Service) error {
	again := mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: 5 * time.Second}
	if err := s.SetRecoveryActions([]mgr.RecoveryAction{again, again, again}, uint32((24 * time.Hour).Seconds())); err != nil {
		e.note(fmt.Errorf("it will not be started again after failures: %w", err))
	}
	if err := eventlog.InstallAsEventCreate(serviceName, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil && !strings.Contains(err.Error(), "exists") {
		e.note(fmt.Errorf("the event log: %w", err))
	}
	if err := s.Start(); err != nil {
		return err
	}
	return untilState(s, svc.Running)
}

func removeSource() error {
	if err := eventlog.Remove(serviceName); err != nil && !errors.Is(err, windows.ERROR_FILE_NOT_FOUND) {
		return err
	}
	return nil
}

// untilState waits for a service.
func untilState(s *mgr.Service, want svc.State) error {
	for end := time.Now().Add(serviceWait); ; {
		st, err := s.Query()
		switch {
		case err != nil:
			return err
		case st.State == want:
			return nil
		case st.State == svc.Stopped:
			return fmt.Errorf("it has ended (exit code %d): see the event log", cmp.Or(st.ServiceSpecificExitCode, st.Win32ExitCode))
		case time.Now().After(end):
			return fmt.Errorf("it is not done after %v", serviceWait)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// uninstall ends the service and removes it.
func (e *Env) uninstall() error {
	m, err := mgr.Connect()
	if err != nil {
		return serviceFailed("uninstall", err)
	}
	defer m.Disconnect()
	s, err := m.OpenService(serviceName)
	if err != nil {
		return serviceFailed("uninstall", err)
	}
	defer s.Close()
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return serviceFailed("uninstall", err)
	}
	if err := untilState(s, svc.Stopped); err != nil {
		return serviceFailed("uninstall", err)
	}
	if err := errors.Join(s.Delete(), removeSource()); err != nil {
		return serviceFailed("uninstall", err)
	}
	return e.print("ended and removed; what it has recorded stays\n")
}

func serviceFailed(what string, err error) error {
	switch {
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		return fmt.Errorf("%s needs an Administrator (%w)", what, err)
	case errors.Is(err, windows.ERROR_SERVICE_EXISTS):
		return fmt.Errorf("%s: the service is there already: sockeye serve uninstall removes it", what)
	case errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST):
		return &exit{exitNotFound, fmt.Errorf("%s: there is no such service", what)}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// runService serves under the service manager.
func (e *Env) runService(ctx context.Context, f *serveFlags) error {
	log, err := eventlog.Open(serviceName)
	if err != nil {
		return fmt.Errorf("the event log: %w", err)
	}
	defer log.Close()
	env := *e
	env.Terminal, env.Stdin, env.Stdout, env.Stderr = false, nil, io.Discard, &logLines{log: log}
	env.Getenv = machineHistory(e.Getenv)
	s := &service{env: &env, flags: f, ctx: ctx}
	if err := svc.Run(serviceName, s); err != nil {
		return fmt.Errorf("--%s is for the service manager: %w", asService, err)
	}
	return s.err
}

// machineHistory names the machine's history, as that of the system's own account is found by nobody.
func machineHistory(getenv func(string) string) func(string) string {
	return func(name string) string {
		value := getenv(name)
		if dir := getenv("ProgramData"); name == "SOCKEYE_HISTORY" && value == "" && dir != "" {
			return filepath.Join(dir, "sockeye", "history", "history.db")
		}
		return value
	}
}

// service is serve as the service manager knows it.
type service struct {
	env   *Env
	flags *serveFlags
	ctx   context.Context
	err   error
}

// Execute is called by the service manager, and tells it how things are.
func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (specific bool, code uint32) {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	ready, done := make(chan struct{}), make(chan error, 1)
	status <- svc.Status{State: svc.StartPending, WaitHint: uint32(serviceWait.Milliseconds())}
	s.env.Ready = sync.OnceFunc(func() { close(ready) })
	go func() { done <- s.env.serveHere(ctx, s.flags) }()
	for {
		select {
		case <-ready:
			ready = nil
			status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: uint32(serviceWait.Milliseconds())}
				stop()
			}
		case s.err = <-done:
			if s.err != nil {
				s.env.complain(s.err)
				return true, exitUnknown
			}
			return false, 0
		}
	}
}

// logLines writes each line to the event log: errors as errors, and remarks as warnings.
type logLines struct {
	log *eventlog.Log
	mu  sync.Mutex
	b   []byte
}

// eventID is one of those that EventCreate.exe has texts for.
const eventID = 1

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b = append(l.b, p...)
	for {
		line, rest, found := bytes.Cut(l.b, []byte{'\n'})
		if !found {
			return len(p), nil
		}
		text := strings.TrimPrefix(strings.TrimSpace(string(line)), "sockeye: ")
		write := l.log.Error
		if strings.HasPrefix(text, "note: ") {
			write = l.log.Warning
		} else if strings.HasPrefix(text, "serving ") {
			write = l.log.Info
		}
		_ = write(eventID, text) // there is nobody else to tell
		l.b = rest
	}
}
