//go:build !linux

package geoip

import (
	"errors"
	"os"
)

// mapFile is not done on Windows: a file that is mapped there can neither be replaced nor removed (ERROR_USER_MAPPED_FILE),
// so that no update could get past a process that uses it. The file is read.
func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapFile([]byte) {}
