package pipe

import (
	"fmt"
	"time"
)

// Config is how a server makes its pipe. The zero Config is a duplex pipe of byte type for clients of the same user.
type Config struct {
	Type      Mode
	ReadMode  Mode // in which the server's ends begin to read; Message needs Type Message
	Direction Direction

	// FirstInstance makes Listen fail with [ErrInUse] if the name has a server already (FILE_FLAG_FIRST_PIPE_INSTANCE). On
	// Linux a name has one server at a time, so it is always so.
	FirstInstance bool

	// MaxInstances is how many clients may be connected at once; those beyond get [ErrBusy]. 0 is as many as the system
	// allows. Windows counts instances up to 254, so more than that are unlimited there.
	MaxInstances int

	// Backlog is how many clients may have connected before Accept is called for them; those beyond get [ErrBusy]. 0 is
	// as many as the system allows on Linux (/proc/sys/net/core/somaxconn, 4096), and 8 on Windows, where each is an instance.
	Backlog int

	// InBuffer and OutBuffer are the sizes of the pipe's buffers in bytes, from client to server and back. They are
	// advice: what does not fit makes a writer wait. 0 is the system's default (on Windows 64 KiB).
	InBuffer, OutBuffer int

	// MaxMessageSize is how many bytes a message may have, both ways. A writer of more gets [ErrMessageTooLong] and sends
	// nothing; a reader that is sent more gets it and has to close. 0 is [DefaultMaxMessageSize].
	MaxMessageSize int

	DefaultWait time.Duration // what [Wait] waits when it is not told; 0 is [DefaultWait]

	// EmptyIsEOF gives pipes of message type the half-close of Windows programs that have agreed on it (go-winio, Docker):
	// an empty message is the end of what was sent. Read returns io.EOF for it, and on Windows CloseWrite sends it. Both
	// ends have to have it.
	EmptyIsEOF bool

	RemoteClients bool // admit clients of other machines; Windows only

	Access Access
}

// Access says who may connect besides the server's own user (and root, or an administrator). Users and groups are names or
// numbers (on Windows names or SIDs). The zero Access lets nobody else in.
//
// On Linux the socket file's mode lets them connect, and Accept checks each peer's credentials again: it drops, without a
// word, whom the file's mode let in and the lists do not. A name of the form `\\.\pipe\NAME` can be shared with others only
// by root, because they cannot enter another user's runtime directory: give a path instead.
type Access struct {
	Users, Groups []string
	Everyone      bool

	// SDDL is a security descriptor in text (Windows only), instead of the lists. On Linux it is left aside if there is a
	// list or Everyone, and else it is an error for which errors.ErrUnsupported holds.
	SDDL string
}

func (a *Access) private() bool { return len(a.Users) == 0 && len(a.Groups) == 0 && !a.Everyone }

// DialConfig is how a client opens a pipe.
type DialConfig struct {
	ReadMode Mode // Message needs a pipe of message type; see [Conn.SetReadMode]

	// Direction is which of the pipe's directions to open: Inbound to write only, Outbound to read only. To open what the
	// pipe does not have is [ErrAccessDenied].
	Direction Direction

	// Wait is how long to wait for a busy server: 0 not at all, negative as long as ctx allows.
	Wait time.Duration

	MaxMessageSize int  // as in [Config]
	EmptyIsEOF     bool // as in [Config]

	// ServerUser, if not empty, is the user that must own the pipe: a name, a number or, on Windows, a SID. Another one is
	// [ErrWrongServer].
	ServerUser string

	Level Level // how far the server may take this client's identity
}

func (c *Config) checked() (Config, error) {
	if c == nil {
		return Config{MaxMessageSize: DefaultMaxMessageSize}, nil
	}
	d := *c
	switch {
	case d.Type > Message, d.ReadMode > Message, d.Direction > Outbound, d.MaxInstances < 0, d.Backlog < 0, d.InBuffer < 0,
		d.OutBuffer < 0, d.DefaultWait < 0:
		return d, fmt.Errorf("%w: %+v", errConfig, *c)
	case d.ReadMode > d.Type:
		return d, ErrBadMode
	}
	var err error
	d.MaxMessageSize, err = checkSize(d.MaxMessageSize)
	return d, err
}

func (c *DialConfig) checked() (DialConfig, error) {
	if c == nil {
		return DialConfig{MaxMessageSize: DefaultMaxMessageSize}, nil
	}
	d := *c
	if d.ReadMode > Message || d.Direction > Outbound || d.Level > Delegate {
		return d, fmt.Errorf("%w: %+v", errConfig, *c)
	}
	var err error
	d.MaxMessageSize, err = checkSize(d.MaxMessageSize)
	return d, err
}

// maxMessageSize is the most that a configuration may ask for: on Windows a message's length is an unsigned int of 32 bits,
// on 32-bit systems a slice's is a signed one.
const maxMessageSize = 1<<31 - 1

func checkSize(n int) (int, error) {
	switch {
	case n == 0:
		return DefaultMaxMessageSize, nil
	case n < 0 || n > maxMessageSize:
		return n, fmt.Errorf("%w: MaxMessageSize %d", errConfig, n)
	}
	return n, nil
}
