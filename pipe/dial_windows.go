package pipe

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
	"github.com/sockeye-net/sockeye/internal/ntpipe"
)

const securityAttributesSize = uint32(unsafe.Sizeof(windows.SecurityAttributes{}))

// slice is how long a WaitNamedPipe waits at once: it cannot be cancelled, and holds a thread.
const slice = 20 * time.Millisecond

// systemName is a name as CreateFile wants it.
func systemName(name string) (string, error) {
	p, err := parseName(name)
	switch {
	case err != nil:
		return "", err
	case p.path != "":
		return "", fmt.Errorf("%w: the path of a file is no pipe: %q", ErrUnsupported, name)
	case p.host != "":
		return `\\` + p.host + `\pipe\` + p.name, nil
	}
	return `\\.\pipe\` + p.name, nil
}

func dial(ctx context.Context, name string, cfg DialConfig) (*Conn, error) {
	path, err := systemName(name)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := dialOnce(name, path, cfg)
		if !errors.Is(err, ErrBusy) || cfg.Wait == 0 {
			return c, err
		}
		left := slice
		if cfg.Wait > 0 {
			if left = min(left, cfg.Wait-time.Since(begun)); left <= 0 {
				return nil, err
			}
		}
		waitSlice(path, left)
	}
}

// waitSlice waits for a free instance, or for about d.
func waitSlice(path string, d time.Duration) error {
	return ntpipe.Wait(path, uint32(max(d.Milliseconds(), 1)))
}

func dialOnce(name, path string, cfg DialConfig) (*Conn, error) {
	h, err := open(path, cfg)
	if err != nil {
		return nil, told(err)
	}
	typ, err := typeOf(h)
	if err == nil && cfg.ReadMode > typ {
		err = ErrBadMode
	}
	if err == nil && typ == Message {
		mode := uint32(windows.PIPE_READMODE_MESSAGE)
		err = windows.SetNamedPipeHandleState(h, &mode, nil, nil)
	}
	if err != nil {
		windows.CloseHandle(h)
		return nil, told(err)
	}
	f, err := iocp.Open(h)
	if err != nil {
		windows.CloseHandle(h)
		return nil, err
	}
	c := newConn(f, name, typ, cfg.ReadMode, cfg.Direction, false)
	c.maxMessage, c.emptyIsEOF = cfg.MaxMessageSize, cfg.EmptyIsEOF
	if err := c.demand(cfg.ServerUser); err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

func open(path string, cfg DialConfig) (windows.Handle, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	rights := [...]uint32{clientAccess, clientWrite | windows.FILE_READ_ATTRIBUTES, clientRead | windows.FILE_WRITE_ATTRIBUTES}
	level := [...]uint32{windows.SECURITY_IDENTIFICATION, windows.SECURITY_ANONYMOUS, windows.SECURITY_IMPERSONATION, windows.SECURITY_DELEGATION}
	flags := windows.FILE_FLAG_OVERLAPPED | windows.SECURITY_SQOS_PRESENT | level[cfg.Level]
	return windows.CreateFile(name, rights[cfg.Direction], 0, nil, windows.OPEN_EXISTING, flags, 0)
}

func typeOf(h windows.Handle) (Mode, error) {
	var flags uint32
	if err := windows.GetNamedPipeInfo(h, &flags, nil, nil, nil); err != nil {
		return 0, err
	}
	if flags&windows.PIPE_TYPE_MESSAGE != 0 {
		return Message, nil
	}
	return Byte, nil
}

// demand checks that the pipe's server is the user.
func (c *Conn) demand(user string) error {
	if user == "" {
		return nil
	}
	want, err := accountSID(user)
	if err != nil {
		return err
	}
	got, err := c.owner()
	if err != nil {
		return told(err)
	}
	if got != want.String() {
		return fmt.Errorf("%w: it is %s, not %s", ErrWrongServer, got, user)
	}
	return nil
}

// Times of WaitNamedPipe (winbase.h).
const useDefaultWait = 0

func wait(ctx context.Context, name string, timeout time.Duration) error {
	path, err := systemName(name)
	if err != nil {
		return err
	}
	begun := time.Now()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		d := slice
		switch left := timeout - time.Since(begun); {
		case timeout == 0:
			return told(cancellable(ctx, nil, func() error { return ntpipe.Wait(path, useDefaultWait) }))
		case timeout > 0 && left <= 0:
			return told(windows.ERROR_SEM_TIMEOUT)
		case timeout > 0:
			d = min(d, left)
		}
		if err := waitSlice(path, d); err != windows.ERROR_SEM_TIMEOUT {
			return told(err)
		}
	}
}
