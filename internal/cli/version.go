package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is what the toolchain knows of this build: the module's version, or the revision it was built from.
func (e *Env) version() string {
	v, revision, dirty := "(devel)", "", ""
	if info, ok := e.Build(); ok {
		if info.Main.Version != "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = " " + s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = " modified"
			}
		}
	}
	return "sockeye " + v + revision + dirty + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}

func (e *Env) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which version this is", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return e.print(fmt.Sprintln(e.version())) },
	}
}

// print writes a whole answer.
func (e *Env) print(text string) error {
	if _, err := e.Stdout.Write([]byte(text)); err != nil {
		return writeFailed(err)
	}
	return nil
}
