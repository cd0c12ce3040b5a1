package cli

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const installLong = `Have Windows run sockeye serve as a service from now on, with the flags that are given:
it starts with the machine, and again when it fails. It needs an Administrator.

  sockeye serve install
  sockeye serve install --history-keep 365d --alert-webhook https://example.com/hook
  sockeye serve status           the address with the token, for administrators
  sockeye serve uninstall

It records into %ProgramData%\sockeye\history, which only administrators may read;
what it has to say is in the event log (Application, source sockeye). An
--alert-command runs as the system, too.

On Linux this is done by systemd: see packaging/sockeye-serve.service.`

// installCommand takes the flags of serve.
func (e *Env) installCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use: "install [flags of serve]", Short: "Run it as a service of Windows", Long: installLong, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return e.install(serviceArgs(cmd.Flags()))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f.addTo(cmd)
	return cmd
}

func (e *Env) uninstallCommand() *cobra.Command {
	return &cobra.Command{
		Use: "uninstall", Short: "End the service of Windows, and remove it", Args: cobra.NoArgs,
		Long:              "End the service and remove it. What it has recorded stays.",
		RunE:              func(*cobra.Command, []string) error { return e.uninstall() },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

// asService is the flag by which the service manager starts us.
const asService = "as-service"

// fileFlags name files, which a service would look for in another folder than who installs it.
var fileFlags = []string{"token-file", "tls-cert", "tls-key", "history", "db"}

// serviceArgs are the arguments of a service with the flags that were given.
func serviceArgs(fs *pflag.FlagSet) []string {
	args := []string{"serve", "--" + asService}
	fs.Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if list, is := f.Value.(pflag.SliceValue); is {
			values = list.GetSlice()
		}
		for _, v := range values {
			if slices.Contains(fileFlags, f.Name) {
				if abs, err := filepath.Abs(v); err == nil {
					v = abs
				}
			}
			args = append(args, fmt.Sprintf("--%s=%s", f.Name, v))
		}
	})
	return args
}
