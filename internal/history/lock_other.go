//go:build !linux && !windows

package history

import (
	"errors"
	"os"
)

func lock(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func isReadOnly(error) bool { return false }

func isNoSpace(error) bool { return false }

func bootID() string { return "" }
