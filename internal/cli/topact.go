package cli

import "github.com/sockeye-net/sockeye/internal/tui"

// actions are what the screen can do to connections and processes.
func (e *Env) actions() tui.Actions { return nil }
