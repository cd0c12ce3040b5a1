package relay

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/sockeye-net/sockeye/pipe"
)

// dial opens an end that does not listen.
func (r *run) dial(ctx context.Context, a Address) (*end, error) {
	switch a.Kind {
	case Stdio:
		return stdioEnd(r.cfg.Stdin, r.cfg.Stdout), nil
	case Echo:
		return echoEnd(), nil
	case Exec:
		return startProgram(a.Args, r.cfg.Stderr)
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.connectTime())
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		e, err := r.connect(ctx, a)
		if err == nil || r.cfg.Wait <= 0 || !worthWaiting(err) || time.Since(r.began) >= r.cfg.Wait {
			return e, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(pause):
		}
	}
}

func (r *run) connect(ctx context.Context, a Address) (*end, error) {
	if a.Kind == Pipe {
		c, err := pipe.Dial(ctx, a.Name, r.cfg.dialConfig())
		if err != nil {
			return nil, err
		}
		return pipeEnd(c, a.String(), r.cfg.Messages), nil
	}
	network := "tcp"
	if a.Kind == Unix {
		network = "unix"
	}
	c, err := new(net.Dialer).DialContext(ctx, network, a.Name)
	if err != nil {
		return nil, err
	}
	return netEnd(c, a.String()), nil
}

// worthWaiting reports whether somebody may listen soon.
func worthWaiting(err error) bool {
	return NotFound(err) || errors.Is(err, pipe.ErrBusy) || refused(err)
}

// listener is an end that listens.
type listener struct {
	accept func() (*end, error)
	close  func() error
	where  string
}

func (r *run) listen(a Address) (*listener, error) {
	if a.Kind == PipeListen {
		return r.listenPipe(a)
	}
	l, err := r.listenNet(a)
	if err != nil {
		return nil, err
	}
	accept := func() (*end, error) {
		c, err := l.Accept()
		if err != nil {
			return nil, err
		}
		name := c.RemoteAddr().String()
		if a.Kind == UnixListen {
			name = a.Name
		}
		return netEnd(c, name), nil
	}
	return &listener{accept: accept, close: l.Close, where: a.Kind.String() + ":" + l.Addr().String()}, nil
}

func (r *run) listenNet(a Address) (net.Listener, error) {
	if a.Kind == UnixListen {
		return listenUnix(a.Name, r.cfg.unixMode())
	}
	return net.Listen("tcp", a.Name)
}

func (r *run) listenPipe(a Address) (*listener, error) {
	l, err := pipe.Listen(a.Name, r.cfg.listenConfig())
	if err != nil {
		return nil, err
	}
	accept := func() (*end, error) {
		c, err := l.AcceptPipe()
		if err != nil {
			return nil, err
		}
		return pipeEnd(c, a.Name, r.cfg.Messages), nil
	}
	return &listener{accept: accept, close: l.Close, where: a.String()}, nil
}
