//go:build !unix && !windows

package transfer

import (
	"errors"
	"io/fs"
	"os"
)

var errRefused = errors.ErrUnsupported

func openFile(path string) (*os.File, error) { return os.Open(path) }

func modeOf(fs.FileInfo) fs.FileMode { return 0 }

func setMode(*os.File, fs.FileMode) error { return nil }

func restrict(*os.File, fs.FileMode, fs.FileMode) error { return nil }

func lock(*os.File) error { return nil }

func cannotLink(error) bool { return true }

const onWindows = false
