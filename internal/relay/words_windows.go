package relay

import "golang.org/x/sys/windows"

// splitCommand takes a command apart as programs of Windows do (CommandLineToArgvW).
func splitCommand(text string) ([]string, error) { return windows.DecomposeCommandLine(text) }
