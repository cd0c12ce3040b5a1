package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/transfer"
	"github.com/sockeye-net/sockeye/internal/view"
)

const recvLong = `Receive files from sockeye send, until interrupted.

  sockeye recv --listen '*:9000' --dir incoming
  sockeye recv --listen 9000 --once --json        from this machine, one sender

Without ADDR only this machine can connect; * is every address. The passphrase that
a sender must know is that of --passphrase-file or of the environment variable
SOCKEYE_PASSPHRASE; without either one is made up and shown. Wrong ones can be tried
once a second. With --plain, at both ends, nothing is encrypted, and whoever reaches
the port can write into the folder.

Nothing leaves the folder: names with .. and absolute ones are refused, and so are
those that a symbolic link would lead out of it; on Windows also devices, drives and
whatever else is no plain name. No file is replaced, unless --force is given. A file
that is not complete ends with .sockeye-part and is gone on with when it is sent
again; it gets its name when its SHA-256 is the sender's.

Exit status: 0 when it was interrupted, or, with --once, when the sender sent all that it
wanted; 1 when, with --once, something is missing; 2 when it could not receive.`

type recvFlags struct {
	transferFlags
	listen, dir string
	force, once bool
	max         int
}

func (e *Env) recvCommand() *cobra.Command {
	var f recvFlags
	cmd := &cobra.Command{
		Use: "recv --listen [ADDR:]PORT [flags]", Short: "Receive files from sockeye send", Long: recvLong, Args: cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return e.recv(cmd.Context(), &f) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.transferFlags.addTo(cmd)
	fs := cmd.Flags()
	fs.StringVar(&f.listen, "listen", "", "where to listen: [ADDR:]PORT; without ADDR this machine only, * is every address")
	fs.StringVar(&f.dir, "dir", ".", "the folder that files go to")
	fs.BoolVar(&f.force, "force", false, "replace files that are there with another content")
	fs.BoolVar(&f.once, "once", false, "end with the first sender")
	fs.IntVar(&f.max, "max", transfer.DefaultMax, "senders at once; others wait")
	_ = cmd.MarkFlagDirname("dir")
	return cmd
}

func (e *Env) recv(ctx context.Context, f *recvFlags) error {
	format, err := f.check()
	if err != nil {
		return err
	}
	if f.max < 1 {
		return fmt.Errorf("--max is at least 1, not %d", f.max)
	}
	cfg := &transfer.ServeConfig{Plain: f.plain, Force: f.force, Once: f.once, Max: f.max, Idle: f.idle}
	made := false
	if !f.plain {
		if cfg.Passphrase, err = e.passphrase(ctx, f.passphraseFile, ""); err != nil {
			return err
		}
		if made = cfg.Passphrase == ""; made {
			cfg.Passphrase = transfer.NewCode()
		}
	}
	folder, err := os.OpenRoot(f.dir)
	if err != nil {
		return fmt.Errorf("--dir: %w", noSuchFolder(f.dir, err))
	}
	defer folder.Close()
	l, err := listenTCP("--listen", f.listen)
	if err != nil {
		return err
	}
	e.settle()
	e.announce(f, l, cfg.Passphrase, made)
	return e.receive(ctx, f, format, l, folder, cfg)
}

func noSuchFolder(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no folder %s", dir)
	}
	return err
}

// listenTCP listens where a flag says, as the relay's tcp-listen does.
func listenTCP(flag, where string) (*net.TCPListener, error) {
	a, err := relay.Parse("tcp-listen:" + where)
	if err != nil {
		return nil, fmt.Errorf("%s is [ADDR:]PORT, as in %s '*:9000', not %q", flag, flag, view.CleanText(where))
	}
	l, err := net.Listen("tcp", a.Name)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%w; end who listens there, or choose another port", err)
	case err != nil:
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

// announce tells on stderr what whoever sends must know.
func (e *Env) announce(f *recvFlags, l *net.TCPListener, passphrase string, made bool) {
	if f.quiet && !made {
		return
	}
	at := l.Addr().String()
	say := func(format string, args ...any) { fmt.Fprintln(e.Stderr, view.CleanText(fmt.Sprintf(format, args...))) }
	say("listening on %s, for %s", at, f.dir)
	if made {
		say("passphrase: %s", passphrase)
	}
	host, port, _ := net.SplitHostPort(at)
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = e.Hostname()
		if f.plain {
			e.note(errors.New("with --plain whoever reaches this port can write into the folder"))
		}
	}
	plain := ""
	if f.plain {
		plain = "--plain "
	}
	say("send with: sockeye send %sFILE... %s", plain, net.JoinHostPort(host, port))
}

func (e *Env) receive(ctx context.Context, f *recvFlags, format view.Format, l *net.TCPListener, folder *os.Root, cfg *transfer.ServeConfig) error {
	log := e.transferLog(f.quiet, format, "received")
	senders := 0
	cfg.Progress = log.progress
	cfg.Opened = func(netip.AddrPort) { senders++ }
	cfg.Done = func(r *transfer.Result) {
		log.done(r)
		if r.Lost && r.Held > 0 && ctx.Err() != nil {
			r.Err = errInterrupted
		}
		if r.Lost {
			e.complain(fmt.Errorf("%s: %w, with %s of %s here; sending it again goes on there", r.Name, r.Err,
				view.InBytes.Amount(float64(r.Held)), view.InBytes.Amount(float64(r.Size))))
		}
	}
	cfg.Closed = func(peer netip.AddrPort, _ int, err error) {
		if err != nil && ctx.Err() == nil {
			log.bar.clear()
			e.complain(fmt.Errorf("%s: %w", peer, err))
		}
	}
	cfg.Trouble = func(err error) { log.bar.clear(); e.complain(err) }
	err := transfer.Serve(ctx, l, folder, cfg)
	if failed := log.close(); failed != nil {
		return failed
	}
	if !f.quiet && log.out == nil && log.files+log.failed > 0 {
		if err := e.print(log.summary("here", false) + "\n"); err != nil {
			return err
		}
	}
	switch {
	case f.once && ctx.Err() != nil && senders == 0:
		return ctx.Err()
	case f.once && (err != nil || log.failed > 0):
		return quit(exitNotFound) // what was wrong is told already
	}
	return err
}
