package cli

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// brokenPipeSystem knows the errors of WriteFile on a pipe whose reader has closed it.
func brokenPipeSystem(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

// refused is the system's number for a connection that was refused.
const refused = windows.WSAECONNREFUSED

// enableANSI asks the console to obey colour sequences; consoles before Windows 10 cannot.
func enableANSI(f *os.File) bool {
	var mode uint32
	h := windows.Handle(f.Fd())
	if windows.GetConsoleMode(h, &mode) != nil {
		return false
	}
	return windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

func kernelRelease() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}

// readerGone is not known: the next write tells.
func readerGone(*os.File) bool { return false }
