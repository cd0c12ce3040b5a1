package pipe

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// How often a client looks whether a busy server has become free: the kernel has no way to wait for it without a thread.
const (
	busySoon = 200 * time.Microsecond
	busyLate = 10 * time.Millisecond
)

func dial(ctx context.Context, name string, cfg DialConfig) (*Conn, error) {
	p, err := parseName(name)
	if err != nil {
		return nil, err
	}
	places, err := candidates(p)
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	for pause := busySoon; ; pause = min(pause*2, busyLate) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := dialAny(name, places, cfg)
		if !errors.Is(err, ErrBusy) || cfg.Wait == 0 || cfg.Wait > 0 && time.Since(begun) >= cfg.Wait {
			return c, err
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// dialAny connects to the first place where somebody listens. Where nobody does, the error is the first place's.
func dialAny(name string, places []place, cfg DialConfig) (*Conn, error) {
	var none error
	for _, p := range places {
		c, err := dialPlace(name, p.socket, cfg)
		if !errors.Is(err, ErrNotExist) {
			return c, err
		}
		if none == nil {
			none = err
		}
	}
	return nil, none
}

func dialPlace(name, path string, cfg DialConfig) (*Conn, error) {
	fd, typ, err := connect(path, cfg.ReadMode)
	if err != nil {
		return nil, err
	}
	d, err := admit(fd, path, typ, cfg)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	c, err := newConn(fd, name, typ, cfg.ReadMode, d, false)
	if err != nil {
		return nil, err
	}
	c.maxMessage, c.emptyIsEOF = cfg.MaxMessageSize, cfg.EmptyIsEOF
	return c, nil
}

// connect tries the type that is wanted, and learns from EPROTOTYPE that it is the other one.
func connect(path string, want Mode) (fd int, typ Mode, err error) {
	for _, typ := range []Mode{want, Message - want} {
		fd, err = unixpipe.Connect(kindOf(typ), path)
		if err != unix.EPROTOTYPE {
			return fd, typ, opening(err)
		}
	}
	return -1, 0, sysErr(ErrBadMode, unix.EPROTOTYPE) // a socket of datagrams
}

func kindOf(m Mode) unixpipe.Kind {
	if m == Message {
		return unixpipe.SeqPacket
	}
	return unixpipe.Stream
}

// admit checks what the client demands of the pipe, and returns the directions that its end has.
func admit(fd int, path string, typ Mode, cfg DialConfig) (Direction, error) {
	if cfg.ReadMode > typ {
		return 0, ErrBadMode
	}
	has := directionOf(path)
	if has != Duplex && cfg.Direction != has {
		return 0, fmt.Errorf("%w: the pipe is %v only", ErrAccessDenied, has)
	}
	if cfg.ServerUser == "" {
		return cfg.Direction, nil
	}
	want, err := userID(cfg.ServerUser)
	if err != nil {
		return 0, err
	}
	p, err := unixpipe.PeerOf(fd)
	if err == nil && p.UID != want {
		err = fmt.Errorf("%w: it is %d, not %s", ErrWrongServer, p.UID, cfg.ServerUser)
	}
	return cfg.Direction, err
}

// userID is the number of a user who is named by it or by name.
func userID(s string) (uint32, error) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return uint32(n), nil
	}
	u, err := user.Lookup(s)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(n), err
}

func groupID(s string) (uint32, error) {
	if n, err := strconv.ParseUint(s, 10, 32); err == nil {
		return uint32(n), nil
	}
	g, err := user.LookupGroup(s)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(g.Gid, 10, 32)
	return uint32(n), err
}

func wait(ctx context.Context, name string, timeout time.Duration) error {
	p, err := parseName(name)
	if err != nil {
		return err
	}
	places, err := candidates(p)
	if err != nil {
		return err
	}
	begun := time.Now()
	for pause := busySoon; ; pause = min(pause*2, busyLate) {
		at, err := living(places)
		if err != nil {
			return err
		}
		if free, err := hasRoom(at.socket); free || err != nil {
			return err
		}
		limit := timeout
		if limit == 0 {
			limit = serverWait(at.info)
		}
		if limit >= 0 && time.Since(begun) >= limit {
			return ErrTimeout
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// living is the first place where somebody listens.
func living(places []place) (place, error) {
	for _, p := range places {
		alive, err := unixpipe.Alive(p.socket)
		if err != nil {
			return p, opening(err)
		}
		if alive {
			return p, nil
		}
	}
	return place{}, ErrNotExist
}

// hasRoom asks sock_diag for the length and the limit of the listener's queue, which disturbs nobody. Where that is refused,
// or knows nothing of the path (it was bound under another one), it connects and closes, which the server sees.
func hasRoom(path string) (bool, error) {
	found, free := false, false
	err := unixSockets(1<<rawsock.Listen, func(r *rawsock.Unix) {
		if r.Name == path && r.State == rawsock.Listen {
			found, free = true, r.RecvQ <= r.SendQ
		}
	})
	if err == nil && found {
		return free, nil
	}
	fd, _, err := connect(path, Byte)
	if err == nil {
		unix.Close(fd)
	}
	if errors.Is(err, ErrBusy) {
		return false, nil
	}
	return err == nil, err
}

// serverWait is what the server tells.
func serverWait(info string) time.Duration {
	if l := parseLockFile(readInfo(info)); l.wait > 0 {
		return l.wait
	}
	return DefaultWait
}
