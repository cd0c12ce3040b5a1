package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/netstat"
)

const setupLong = `Leave the BPF programs that read the socket table in the kernel, in a BPF file
system under /run, until setup --undo or the next boot. It needs root (Linux).

Root gains a faster start. With --everyone all users of this machine can see which
process holds every socket, also those of root and of other users; Linux otherwise
shows them only their own. It does not let them change anything.`

// leastSockets is the smallest pinned walker that can be of use: one is used only where it has room for all sockets and a
// thousand to come.
const leastSockets = 4096

func (e *Env) setupCommand() *cobra.Command {
	var cfg netstat.PinConfig
	var undo bool
	cmd := &cobra.Command{
		Use: "setup [--everyone] [--max-sockets N] | setup --undo", Short: "Let every user see every owner, and start faster",
		Long: setupLong, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("max-sockets") && cfg.MaxSockets < leastSockets {
				return fmt.Errorf("--max-sockets %d is too few to be of use: %d is the least", cfg.MaxSockets, leastSockets)
			}
			return e.setup(cfg, undo)
		},
	}
	cmd.Flags().BoolVar(&cfg.Everyone, "everyone", false, "let every user of this machine see the owner of every socket")
	cmd.Flags().IntVar(&cfg.MaxSockets, "max-sockets", 0, "sockets the kernel makes room for, 4096 or more (default 262144, 32 MiB)")
	cmd.Flags().BoolVar(&undo, "undo", false, "take it back")
	cmd.MarkFlagsMutuallyExclusive("undo", "everyone")
	cmd.MarkFlagsMutuallyExclusive("undo", "max-sockets")
	return cmd
}

const (
	saysEveryone = "opened: every user of this machine can now see which process holds every socket\n"
	saysRoot     = "pinned for root only: other users see no more than before (see --everyone)\n"
	saysDone     = "done; until the next boot or sockeye setup --undo\n"
	saysUndone   = "undone: nothing of sockeye is left in the kernel\n"
)

// setup says what it did only when it is done: most failures are those of users who may not, and nothing is to be read
// beside the error.
func (e *Env) setup(cfg netstat.PinConfig, undo bool) error {
	if undo {
		if err := e.Unpin(); err != nil {
			return setupFailed("undo", err)
		}
		return e.print(saysUndone)
	}
	if err := e.Pin(cfg); err != nil {
		return setupFailed("setup", err)
	}
	says := saysRoot
	if cfg.Everyone {
		says = saysEveryone
	}
	return e.print(says + saysDone)
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
