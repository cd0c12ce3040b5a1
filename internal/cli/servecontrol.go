package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/web"
	"github.com/sockeye-net/sockeye/pipe"
)

// The control pipe is of message type: a message asks, a message answers. After the answer to "get" come messages with the
// document, the last of them empty.

// controlRequest asks.
type controlRequest struct {
	Op     string `json:"op"`               // status, reload, stop, get
	Target string `json:"target,omitempty"` // get: the path and query of the API
}

// controlReply answers.
type controlReply struct {
	Error  string         `json:"error,omitempty"`
	Code   int            `json:"code,omitempty"` // get: of HTTP
	Status *controlStatus `json:"status,omitempty"`
}

// controlStatus is the answer to status.
type controlStatus struct {
	URL string `json:"url"`
	PID int    `json:"pid"`
	web.Status
}

// Limits of the control pipe.
const (
	controlClients = 8
	controlMessage = 1 << 20   // bytes
	controlPart    = 256 << 10 // of a document
	controlTimeout = 30 * time.Second
)

// control serves the pipe.
type control struct {
	run      *serveRun
	listener *pipe.Listener
}

func openControl(name string, r *serveRun) (*control, error) {
	l, err := pipe.Listen(relay.PipeName(name), &pipe.Config{Type: pipe.Message, ReadMode: pipe.Message, FirstInstance: true, MaxInstances: controlClients,
		MaxMessageSize: controlMessage})
	if err != nil {
		return nil, err
	}
	return &control{r, l}, nil
}

// Close lets go of the name; closing again is no error.
func (c *control) Close() error {
	if err := c.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// serve answers clients until the context ends.
func (c *control) serve(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	closed := make(chan struct{})
	keep := context.AfterFunc(ctx, func() { defer close(closed); _ = c.Close() })
	defer func() {
		if !keep() {
			<-closed // or clients would still find the pipe, when the server has ended
		}
	}()
	for {
		conn, err := c.listener.AcceptPipe()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case err != nil:
			return fmt.Errorf("the control pipe: %w", err)
		}
		all.Go(func() { c.client(ctx, conn) })
	}
}

// client answers one, whose user the pipe has checked already: it lets in nobody but this user and root. What stands between
// an ordinary user and all command lines is checked here again.
func (c *control) client(ctx context.Context, conn *pipe.Conn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now().Add(grace)) })()
	peer, err := conn.Peer()
	if err != nil || !mayControl(peer) {
		return
	}
	for {
		_ = conn.SetDeadline(time.Now().Add(controlTimeout)) // what cannot be bounded fails below
		if ctx.Err() != nil {
			return // or the deadline of the end would be put off
		}
		message, err := conn.ReadMessage(nil)
		if err != nil {
			return
		}
		var ask controlRequest
		if err := json.Unmarshal(message, &ask); err != nil {
			_ = c.reply(conn, &controlReply{Error: "the request is no JSON"})
			return
		}
		if c.answer(ctx, conn, &ask) != nil {
			return
		}
	}
}

func (c *control) answer(ctx context.Context, conn *pipe.Conn, ask *controlRequest) error {
	switch ask.Op {
	case "status":
		return c.reply(conn, &controlReply{Status: c.run.status()})
	case "reload":
		var reply controlReply
		if err := c.run.reload(); err != nil {
			reply.Error = err.Error()
		}
		return c.reply(conn, &reply)
	case "stop":
		defer c.run.stop()
		return c.reply(conn, &controlReply{})
	case "get":
		return c.get(ctx, conn, ask.Target)
	}
	return c.reply(conn, &controlReply{Error: fmt.Sprintf("there is no request %q", ask.Op)})
}

func (c *control) reply(conn *pipe.Conn, r *controlReply) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return conn.WriteMessage(text)
}

func (c *control) get(ctx context.Context, conn *pipe.Conn, target string) error {
	answer := &collected{header: make(http.Header), code: http.StatusOK}
	if err := c.run.server.Get(ctx, answer, target); err != nil {
		return c.reply(conn, &controlReply{Error: err.Error()})
	}
	if err := c.reply(conn, &controlReply{Code: answer.code}); err != nil {
		return err
	}
	for body := answer.body; len(body) > 0; {
		part := body[:min(len(body), controlPart)]
		body = body[len(part):]
		_ = conn.SetDeadline(time.Now().Add(controlTimeout)) // for each part, however many there are
		if err := conn.WriteMessage(part); err != nil {
			return err
		}
	}
	return conn.WriteMessage(nil)
}

// collected is an answer in memory.
type collected struct {
	header http.Header
	code   int
	body   []byte
}

func (c *collected) Header() http.Header { return c.header }

func (c *collected) WriteHeader(code int) { c.code = code }

func (c *collected) Write(b []byte) (int, error) {
	c.body = append(c.body, b...)
	return len(b), nil
}
