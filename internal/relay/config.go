package relay

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/pipe"
)

// The defaults of Config.
const (
	DefaultConnect = 10 * time.Second
	DefaultLinger  = 5 * time.Second
	DefaultMax     = 1024
)

// Config is how ends are joined. The zero Config is one of streams, without end, and tells nobody anything.
type Config struct {
	Once     bool // one connection, and that is all
	Messages bool // pipes are of message type, and messages stay messages; to another end they are lines
	Max      int  // connections at once; those beyond wait to be accepted. 0 is DefaultMax

	Wait    time.Duration // how long to wait at the beginning for somebody to connect to; 0: not at all
	Connect time.Duration // how long connecting may take; 0 is DefaultConnect
	Idle    time.Duration // end a connection in which nothing has moved for so long; 0: never
	Drain   time.Duration // how long connections may go on once the relay is to end

	// Linger is how long a connection goes on without anything moving after the end of what one side sends, where the other
	// one cannot be told of it, or the one has gone for good. 0 is DefaultLinger.
	Linger time.Duration

	Mode   fs.FileMode // of the file of UnixListen; 0 is 0600
	Access pipe.Access // to PipeListen

	Stdin       io.Reader // for Stdio; nil is empty
	Stdout      io.Writer
	Interactive bool      // Stdin is a terminal: who sits there sends no more once the other side has ended
	Stderr      io.Writer // of programs; an *os.File is given to them as it is

	// What is told; each may be nil, and is called from several goroutines at once.
	Listening func(where string)
	Opened    func(*Connection)
	Closed    func(*Connection, error)
	Trouble   func(error) // the relay goes on
}

// Connection is two ends that are, or were to be, joined.
type Connection struct {
	ID       int
	A, B     string // who is there; B is empty where it could not be opened
	Began    time.Time
	AB, BA   int64 // bytes moved, once it is closed
	Duration time.Duration
}

func (c *Config) connectTime() time.Duration { return max(or(c.Connect, DefaultConnect), c.Wait) }

func (c *Config) unixMode() fs.FileMode { return or(c.Mode, 0o600) }

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// dialConfig waits for a busy server as long as connecting may take. Without messages an empty message is the half-close
// of Windows programs.
func (c *Config) dialConfig() *pipe.DialConfig {
	cfg := &pipe.DialConfig{Wait: -1, EmptyIsEOF: !c.Messages}
	if c.Messages {
		cfg.ReadMode = pipe.Message
	}
	return cfg
}

func (c *Config) listenConfig() *pipe.Config {
	cfg := &pipe.Config{FirstInstance: true, Access: c.Access, Backlog: pipeBacklog}
	if c.Messages {
		cfg.Type, cfg.ReadMode = pipe.Message, pipe.Message
	}
	return cfg
}

// refused reports that nobody listens at a port or socket.
func refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) || refusedSystem(err) }
