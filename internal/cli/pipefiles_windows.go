package cli

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
)

// pipeAt is for systems where pipes are files.
var pipeAt func(string) (pipeFile, bool)

// pipeFiles lists the directory of the pipes. A pipe's "size" there is how many instances it has.
func pipeFiles() (all []pipeFile, err error) {
	pattern, err := windows.UTF16PtrFromString(pipePrefix + "*")
	if err != nil {
		return nil, err
	}
	var d windows.Win32finddata
	h, err := windows.FindFirstFile(pattern, &d)
	if errors.Is(err, windows.ERROR_BAD_DEV_TYPE) || errors.Is(err, windows.ERROR_INVALID_FUNCTION) {
		return nil, fmt.Errorf("this system does not list pipes (Wine does not): %w", errors.Join(errors.ErrUnsupported, err))
	}
	if err != nil {
		return nil, fmt.Errorf("listing pipes: %w", err)
	}
	defer windows.FindClose(h)
	for err == nil {
		all = append(all, pipeFile{Name: pipePrefix + windows.UTF16ToString(d.FileName[:]), Instances: int(d.FileSizeLow)})
		err = windows.FindNextFile(h, &d)
	}
	if !errors.Is(err, windows.ERROR_NO_MORE_FILES) {
		return nil, fmt.Errorf("listing pipes: %w", err)
	}
	return all, nil
}
