package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

// commandTime is how long a command may take for one piece of news; leaveTime how long what it has started may keep its
// output open after its end.
const (
	commandTime = 10 * time.Second
	leaveTime   = time.Second
)

// NewCommand has news told to a program, which is run for each piece, one after the other: without a shell, with the object on
// standard input and the main fields of it in the environment (SOCKEYE_EVENT, SOCKEYE_PROCESS, ...). What takes longer than
// ten seconds is killed. It runs as this user, on Linux without its ambient capabilities. args is the program and its
// arguments; the caller closes the teller.
func NewCommand(cfg Config, args []string) (*Teller, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, fmt.Errorf("the alert command: %w", err)
	}
	return start(cfg, &command{cfg: cfg, path: path, args: args, limit: commandTime}), nil
}

// command is a program.
type command struct {
	cfg   Config
	path  string
	args  []string
	limit time.Duration
}

func (c *command) most() int { return 1 }

func (c *command) tell(ctx context.Context, news []history.News) error {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	n := &news[0]
	c.cfg.Names.Forget()
	var said tail
	cmd := exec.CommandContext(ctx, c.path, c.args[1:]...)
	cmd.Args[0] = c.args[0]
	cmd.Env = append(inherited(os.Environ()), c.variables(n)...)
	cmd.Stdin = bytes.NewReader(append(JSON(news, c.cfg.Names, nil), '\n'))
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = io.Discard, &said, leaveTime
	setApart(cmd)
	err := run(cmd)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it has ended, and something that it started has not
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("the command %s took longer than %v and was killed", view.CleanText(c.args[0]), c.limit)
	}
	if text := view.CleanText(strings.Join(strings.Fields(said.text()), " ")); text != "" {
		return fmt.Errorf("the command %s: %w: %s", view.CleanText(c.args[0]), err, text)
	}
	return fmt.Errorf("the command %s: %w", view.CleanText(c.args[0]), err)
}

// inherited leaves out what is between this process and the service manager (systemd.exec(5)), and what would be taken for
// news.
func inherited(environ []string) (kept []string) {
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case name == "NOTIFY_SOCKET", name == "CREDENTIALS_DIRECTORY", strings.HasPrefix(name, "LISTEN_"), strings.HasPrefix(name, "WATCHDOG_"),
			strings.HasPrefix(name, "SOCKEYE_"), strings.HasPrefix(name, "OTEL_"):
		default:
			kept = append(kept, v)
		}
	}
	return kept
}

// variables are the fields that a script is likely to want. Those that are not known are empty, not absent.
func (c *command) variables(n *history.News) []string {
	s := &n.Socket
	v := map[string]string{"EVENT": "new_" + n.Kind.String(), "TIME": n.Time.Format(time.RFC3339Nano), "HOST": c.cfg.Host, "PROTO": s.Proto.String(),
		"LOCAL": s.Local.String(), "REMOTE": "", "PROCESS": "", "PID": "", "EXE": "", "UNIT": s.Module, "USER": "", "COUNTRY": "", "ASN": ""}
	if s.Remote.Port() != 0 {
		v["REMOTE"] = net.JoinHostPort(s.Remote.Addr().String(), strconv.Itoa(int(s.Remote.Port())))
	}
	if s.HasUID {
		v["USER"] = c.cfg.Names.User(s.UID)
	}
	if len(s.Owners) > 0 {
		p := s.Owners[0].Process
		v["PROCESS"], v["PID"] = p.Name, strconv.Itoa(p.PID)
		if c.cfg.Names.Details != nil {
			d, _ := c.cfg.Names.Details(p)
			v["EXE"] = d.Exe
		}
	}
	if n.Place != nil {
		v["COUNTRY"] = n.Place.ISO
		if n.Place.ASN != 0 {
			v["ASN"] = strconv.FormatUint(uint64(n.Place.ASN), 10)
		}
	}
	var list []string
	for name, value := range v {
		list = append(list, "SOCKEYE_"+name+"="+strings.ReplaceAll(value, "\x00", ""))
	}
	return list
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

const tailLength = 300

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if len(t.b) > tailLength {
		t.b = append(t.b[:0], t.b[len(t.b)-tailLength:]...)
	}
	return len(p), nil
}

func (t *tail) text() string { return string(t.b) }
