package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/internal/web"
	"github.com/sockeye-net/sockeye/pipe"
)

// status is for who asks over the pipe: with the token.
func (r *serveRun) status() *controlStatus {
	s := &controlStatus{URL: r.url(true), PID: os.Getpid()}
	s.Status = r.server.Status(web.Full)
	return s
}

func (e *Env) serveStatusCommand() *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "status [--json]", Short: "Say what a server does, and where it is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return e.serveStatus(cmd.Context(), name, asJSON) },
		Long: `Say what a server does, and its address with the token.

Exit status: 0 when there is one, 1 when there is none, 2 when it cannot be asked.`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&name, "pipe", "", "the server's pipe; the default is "+servePipe+", then "+unitPipe)
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON document")
	return cmd
}

func (e *Env) serveAskCommand(op, short string) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: op, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := askServer(cmd.Context(), name, controlRequest{Op: op})
			return err
		},
		Long:              short + ".\n\nExit status: 0 when it is done, 1 when there is no server, 2 when it could not be done.",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&name, "pipe", "", "the server's pipe; the default is "+servePipe+", then "+unitPipe)
	return cmd
}

func (e *Env) serveStatus(ctx context.Context, name string, asJSON bool) error {
	reply, err := askServer(ctx, name, controlRequest{Op: "status"})
	if err != nil {
		return err
	}
	s := reply.Status
	if s == nil {
		return errors.New("the server does not tell its status")
	}
	if asJSON {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return e.print(string(text) + "\n")
	}
	return e.print(s.text(e.Now()))
}

// text is the status for people.
func (s *controlStatus) text(now time.Time) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-9s %s\n", name, view.CleanText(fmt.Sprintf(format, args...)))
	}
	line("url", "%s", s.URL)
	line("process", "%d, %s, for %s", s.PID, s.Version, view.Lasted(now.Sub(s.Began)))
	line("sockets", "%d, read %s ago", s.Sockets, view.Lasted(now.Sub(s.Time)))
	line("events", "%d opened, %d closed, %d lost; known by %s", s.Opened, s.Closed, s.Lost, s.Source)
	line("viewers", "%d", s.Viewers)
	if h := s.History; h != nil {
		line("history", "%s", h.File)
		line("", "%s", recorderText(h, now))
		if h.Gaps > 0 {
			line("gaps", "%d times something could not be recorded; see sockeye history", h.Gaps)
		}
		if h.Alerts+h.Dropped > 0 {
			line("alerts", "%d told, %d not", h.Alerts, h.Dropped)
		}
	}
	for _, p := range s.Partial {
		line("missing", "%s", p)
	}
	return b.String()
}

// recorderText says what a recorder has.
func recorderText(h *web.Recorder, now time.Time) string {
	var parts []string
	if h.Recording {
		parts = append(parts, "recording for "+view.Lasted(now.Sub(h.Began)))
	} else {
		parts = append(parts, "not recording")
	}
	parts = append(parts, view.InBytes.Amount(float64(h.Size)))
	if !h.From.IsZero() {
		parts = append(parts, "from "+stamp(h.From, now)+" on")
	}
	return strings.Join(parts, ", ")
}

// askServer asks over the pipe that was named, or else over the usual ones.
func askServer(ctx context.Context, name string, ask controlRequest) (*controlReply, error) {
	conn, err := dialServer(ctx, name)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return request(conn, ask)
}

func dialServer(ctx context.Context, name string) (conn *pipe.Conn, err error) {
	names := []string{servePipe}
	switch {
	case name != "":
		names = []string{name}
	case runtime.GOOS != "windows":
		names = append(names, unitPipe)
	}
	for _, n := range names {
		conn, err = pipe.Dial(ctx, relay.PipeName(n), &pipe.DialConfig{ReadMode: pipe.Message, Wait: time.Second, MaxMessageSize: controlMessage})
		if err == nil || !errors.Is(err, pipe.ErrNotExist) {
			break
		}
	}
	switch {
	case errors.Is(err, pipe.ErrNotExist):
		return nil, &exit{exitNotFound, fmt.Errorf("no server is there (%w)", err)}
	case err != nil:
		return nil, askFailed(err)
	}
	return conn, conn.SetDeadline(time.Now().Add(controlTimeout))
}

var errUnanswered = errors.New("asking the server: it has closed without an answer")

// askFailed is a failure of the pipe to a server. That it broke is not that our output's reader has gone, of which nothing is said.
func askFailed(err error) error {
	if errors.Is(err, io.EOF) || brokenPipe(err) {
		return errUnanswered
	}
	return fmt.Errorf("asking the server: %w", err)
}

func request(conn *pipe.Conn, ask controlRequest) (*controlReply, error) {
	text, err := json.Marshal(ask)
	if err == nil {
		err = conn.WriteMessage(text)
	}
	if err == nil {
		text, err = conn.ReadMessage(nil)
	}
	if err != nil {
		return nil, askFailed(err)
	}
	var reply controlReply
	if err := json.Unmarshal(text, &reply); err != nil {
		return nil, errors.New("the server's answer cannot be read; is it the same version?")
	}
	if reply.Error != "" {
		return nil, fmt.Errorf("the server says: %s", reply.Error)
	}
	return &reply, nil
}
