package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/transfer"
	"github.com/sockeye-net/sockeye/internal/view"
)

const sendLong = `Send files and folders to sockeye recv on another machine.

  there:  sockeye recv --listen '*:9000' --dir incoming      shows a passphrase
  here:   sockeye send big.iso photos there.example:9000     asks for it

Everything is encrypted (TLS 1.3), and both ends prove that they know the same
passphrase; whoever listens, or sits in between, cannot find it out by trying. It is
read from --passphrase-file, the environment variable SOCKEYE_PASSPHRASE, or asked
for on the terminal. With --plain at both ends nothing is encrypted and nobody is
asked; content then goes by TransmitFile, without being copied.

A file has at the receiver the name that it has here, without the path; a folder is
sent with all that is in it, but for symbolic links and what is no file. Content,
permissions and time of the last change are kept. What breaks off goes on where it
was when the same command is given again. Every file is checked by its SHA-256 before
it gets its name, and no file is replaced unless recv has --force. One that is there
already with the same content stays, and if it is larger than 64 KiB is not sent.

Exit status: 0 when the receiver has everything, 1 when it has not, by its own or by
this end's word, 2 when it could not be asked, or the connection broke.`

// transferFlags are the flags that send and recv share.
type transferFlags struct {
	plain, quiet   bool
	passphraseFile string
	idle           time.Duration
	output
}

func (f *transferFlags) addTo(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.passphraseFile, "passphrase-file", "", "a file whose first line is the passphrase")
	fs.BoolVar(&f.plain, "plain", false, "no encryption and no passphrase; at both ends")
	fs.DurationVar(&f.idle, "idle", transfer.DefaultIdle, "give up when nothing is heard of the other end for so long")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "only what went wrong")
	fs.BoolVar(&f.json, "json", false, "one JSON document, at the end")
	fs.BoolVar(&f.jsonl, "jsonl", false, "a JSON object a line, for each file when it is done")
	fs.BoolVar(&f.csv, "csv", false, "CSV with a header")
}

func (f *transferFlags) check() (view.Format, error) {
	switch {
	case f.idle < time.Second:
		return 0, errors.New("--idle is at least 1s")
	case f.plain && f.passphraseFile != "":
		return 0, errors.New("--plain and --passphrase-file exclude each other")
	}
	return f.format()
}

type sendFlags struct {
	transferFlags
	connect, wait time.Duration
}

func (e *Env) sendCommand() *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use: "send [flags] FILE... HOST:PORT", Short: "Send files to sockeye recv", Long: sendLong, Args: filesAndReceiver,
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.send(cmd.Context(), &f, args[:len(args)-1], args[len(args)-1])
		},
	}
	f.transferFlags.addTo(cmd)
	cmd.Flags().DurationVar(&f.connect, "connect", relay.DefaultConnect, "how long connecting may take")
	cmd.Flags().DurationVar(&f.wait, "wait", 0, "wait so long for somebody to listen there")
	return cmd
}

func filesAndReceiver(_ *cobra.Command, args []string) error {
	if len(args) < 2 {
		return errors.New("send needs files and then the receiver, as in sockeye send FILE... HOST:PORT")
	}
	for _, a := range args[:len(args)-1] {
		if a == "-" {
			return errors.New("send sends files, not standard input; a file called - is ./-")
		}
	}
	return nil
}

func (e *Env) send(ctx context.Context, f *sendFlags, files []string, receiver string) error {
	format, err := f.check()
	if err != nil {
		return err
	}
	if f.connect < 0 || f.wait < 0 {
		return errors.New("--connect and --wait cannot be negative")
	}
	to, err := relay.Parse("tcp:" + receiver)
	if err != nil {
		return fmt.Errorf("the last argument is the receiver, HOST:PORT, not %q", view.CleanText(receiver))
	}
	list, err := e.sources(files)
	if err != nil {
		return err
	}
	cfg := &transfer.SendConfig{Plain: f.plain, Idle: f.idle, Connect: f.connect, Wait: f.wait}
	if !f.plain {
		if cfg.Passphrase, err = e.passphrase(ctx, f.passphraseFile, "Passphrase of "+to.Name+": "); err != nil {
			return err
		}
	}
	e.settle()
	log := e.transferLog(f.quiet, format, "sent")
	log.expect(list)
	cfg.Progress, cfg.Done = log.progress, log.done
	err = transfer.Send(ctx, to.Name, list, cfg)
	return e.sent(log, to.Name, err)
}

// sent writes what is left to be said, and decides about the exit code.
func (e *Env) sent(log *transferLog, to string, err error) error {
	if failed := log.close(); failed != nil {
		return failed
	}
	if !log.quiet && log.out == nil {
		if err := e.print(log.summary("at "+to, true) + "\n"); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		if log.moved > 0 {
			e.note(errors.New("interrupted; the same command goes on where this one was"))
		}
		return err
	case err != nil:
		return sendError(to, err)
	case log.failed > 0:
		return quit(exitNotFound)
	}
	return nil
}

// sources finds the files, and tells what is left out, of much of the kind only how much.
func (e *Env) sources(files []string) ([]transfer.Source, error) {
	const some = 5
	n := 0
	list, err := transfer.Sources(files, func(path, why string) {
		if n++; n <= some {
			e.note(fmt.Errorf("%s %s, and is left out", path, why))
		}
	})
	if n > some {
		e.note(fmt.Errorf("%d more are left out", n-some))
	}
	if err != nil {
		return nil, fmt.Errorf("%w; nothing was sent", noSuchFile(err))
	}
	return list, nil
}

// noSuchFile says it in the same words on every system.
func noSuchFile(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no file %s", p.Path)
	}
	return err
}

// sendError says what to do about an error, where that is known.
func sendError(to string, err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), isRefused(err):
		return fmt.Errorf("%s: nobody listens there; start sockeye recv first, or have --wait", to)
	case errors.Is(err, transfer.ErrPassphrase):
		return fmt.Errorf("%s: %w", to, err)
	case errors.Is(err, transfer.ErrSilent), errors.Is(err, transfer.ErrBroken):
		return fmt.Errorf("%s: %w; the same command goes on where this one was", to, err)
	case errors.Is(err, transfer.ErrWeak):
		return err
	}
	if strings.Contains(err.Error(), to) {
		return err
	}
	return fmt.Errorf("%s: %w", to, err)
}
