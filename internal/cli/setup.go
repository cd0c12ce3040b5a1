package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/netstat"
)

const setupLong = `Leave the BPF programs that read the socket table in the kernel, under
/sys/fs/bpf/sockeye, until setup --undo or the next boot. It needs root (Linux).

Root gains a faster start. With --everyone all users of this machine can see which
process holds every socket, also those of root and of other users; Linux otherwise
shows them only their own. It does not let them change anything.`

func (e *Env) setupCommand() *cobra.Command {
	var cfg netstat.PinConfig
	var undo bool
	cmd := &cobra.Command{
		Use: "setup [--everyone] [--max-sockets N] | setup --undo", Short: "Let every user see every owner, and start faster",
		Long: setupLong, Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.setup(cfg, undo) },
	}
	cmd.Flags().BoolVar(&cfg.Everyone, "everyone", false, "let every user of this machine see the owner of every socket")
	cmd.Flags().IntVar(&cfg.MaxSockets, "max-sockets", 0, "sockets the kernel makes room for (default 262144, 28 MiB)")
	cmd.Flags().BoolVar(&undo, "undo", false, "take it back")
	cmd.MarkFlagsMutuallyExclusive("undo", "everyone")
	cmd.MarkFlagsMutuallyExclusive("undo", "max-sockets")
	return cmd
}

const (
	saysEveryone = "opening: every user of this machine will be able to see which process holds every socket\n"
	saysRoot     = "pinning for root only: other users see no more than before (see --everyone)\n"
	saysDone     = "done; until the next boot or sockeye setup --undo\n"
	saysUndone   = "undone: nothing of sockeye is left in the kernel\n"
)

func (e *Env) setup(cfg netstat.PinConfig, undo bool) error {
	if undo {
		if err := e.Unpin(); err != nil {
			return setupFailed("undo", err)
		}
		return e.print(saysUndone)
	}
	if cfg.MaxSockets < 0 {
		return errors.New("--max-sockets is a number of sockets, 0 for the default")
	}
	says := saysRoot
	if cfg.Everyone {
		says = saysEveryone
	}
	if err := e.print(says); err != nil {
		return err
	}
	if err := e.Pin(cfg); err != nil {
		return setupFailed("setup", err)
	}
	return e.print(saysDone)
}

func setupFailed(what string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s needs root: run it with sudo (%w)", what, err)
	case errors.Is(err, errors.ErrUnsupported):
		return fmt.Errorf("%s does not work on this system (%w); see sockeye doctor", what, err)
	}
	return fmt.Errorf("%s: %w; see sockeye doctor", what, err)
}
