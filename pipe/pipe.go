package pipe

import (
	"context"
	"time"
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Mode,Direction,Level,Capability -linecomment -output=zstring.go

// Mode is the type of a pipe (PIPE_TYPE_*), or the mode in which one of its ends reads (PIPE_READMODE_*).
type Mode uint8

// The modes. A pipe of message type can be read in both, a pipe of byte type only as bytes.
const (
	Byte    Mode = iota // byte
	Message             // message
)

// Direction is where data goes in a pipe (PIPE_ACCESS_*), seen from the server; or, in [DialConfig], what of it the client
// opens.
type Direction uint8

// The directions.
const (
	Duplex   Direction = iota // duplex
	Inbound                   // inbound
	Outbound                  // outbound
)

// Level is how far the server may take the client's identity (SECURITY_IMPERSONATION_LEVEL). It is heeded by Windows; on
// Linux a server with the privilege can be any user, whoever connects.
type Level uint8

// The levels. The first is the default: the server may learn who the client is, and not act as it.
const (
	Identify    Level = iota // identify
	Anonymous                // anonymous
	Impersonate              // impersonate
	Delegate                 // delegate
)

// DefaultMaxMessageSize is how many bytes a message may have where a configuration does not say.
const DefaultMaxMessageSize = 64 << 20

// DefaultWait is what [Wait] waits where neither it nor the server says how long, as in Windows.
const DefaultWait = 50 * time.Millisecond

// Listen makes a pipe and returns its server. A nil Config is that of a duplex pipe of byte type.
//
// Errors: [ErrBadName]; [ErrInUse] where the name has a server already, and either FirstInstance is set or the system does
// not have several (see [SharedNames]); [ErrBusy] where a server with the same name has all the instances that it allows;
// [ErrAccessDenied].
func Listen(name string, cfg *Config) (*Listener, error) {
	c, err := cfg.checked()
	if err != nil {
		return nil, wrap("listen", name, err)
	}
	l, err := listen(name, c)
	if err != nil {
		return nil, wrap("listen", name, err)
	}
	return l, nil
}

// Dial connects to a pipe. A nil DialConfig opens both directions, reads bytes and does not wait for a busy server.
//
// Errors: [ErrNotExist] where nobody listens, also where a server has died and left its file; [ErrBusy] where all
// instances are taken, or as many clients wait as the server lets wait, and DialConfig.Wait is over; [ErrAccessDenied];
// [ErrBadMode] for message mode on a pipe of byte type; [ErrWrongServer]; ctx's error.
func Dial(ctx context.Context, name string, cfg *DialConfig) (*Conn, error) {
	c, err := cfg.checked()
	if err != nil {
		return nil, wrap("dial", name, err)
	}
	conn, err := dial(ctx, name, c)
	if err != nil {
		return nil, wrap("dial", name, err)
	}
	return conn, nil
}

// Wait waits until an instance of the pipe is free, without taking it (WaitNamedPipe): another client may be faster than
// the Dial that follows. A timeout of 0 is the one that the server has set ([Config].DefaultWait), a negative one as long
// as ctx allows.
//
// Errors: [ErrNotExist] at once where nobody listens; [ErrTimeout], for which os.ErrDeadlineExceeded holds too; ctx's.
func Wait(ctx context.Context, name string, timeout time.Duration) error {
	return wrap("wait", name, wait(ctx, name, timeout))
}

// Call connects to a pipe of message type, sends one message, returns the one that comes back, whatever its length, and
// closes (CallNamedPipe). Where cfg is nil or does not say how long to wait for a busy server, it waits as ctx allows.
// ctx bounds all of it.
func Call(ctx context.Context, name string, request []byte, cfg *DialConfig) ([]byte, error) {
	var d DialConfig
	if cfg != nil {
		d = *cfg
	}
	d.ReadMode = Message
	if d.Wait == 0 {
		d.Wait = -1
	}
	c, err := Dial(ctx, name, &d)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	reply, err := c.call(request)
	if err != nil && ctx.Err() != nil {
		err = wrap("call", name, ctx.Err())
	}
	return reply, err
}

func (c *Conn) call(request []byte) ([]byte, error) {
	if err := c.WriteMessage(request); err != nil {
		return nil, err
	}
	return c.ReadMessage(nil)
}
