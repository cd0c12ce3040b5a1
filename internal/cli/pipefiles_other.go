//go:build !linux && !windows

package cli

import (
	"errors"
	"fmt"
)

var pipeAt func(string) (pipeFile, bool)

func pipeFiles() ([]pipeFile, error) {
	return nil, fmt.Errorf("listing pipes: %w", errors.ErrUnsupported)
}
