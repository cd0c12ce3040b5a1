package testutil

import (
	"os"
	"strings"
)

const fdDir = "/proc/self/fd"

// openFiles maps each open descriptor, and each mapping of a kernel object, to what it refers to.
func openFiles() map[string]string {
	entries, err := os.ReadDir(fdDir)
	if err != nil {
		return nil
	}
	open := make(map[string]string, len(entries))
	for _, e := range entries {
		if to, err := os.Readlink(fdDir + "/" + e.Name()); err == nil { // the directory's own descriptor is closed by now
			open[e.Name()] = to
		}
	}
	kernelMaps(open)
	return open
}

// kernelMaps adds the mappings of kernel objects, which outlive their descriptors, by their addresses.
func kernelMaps(open map[string]string) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, "bpf") || strings.Contains(line, "btf") || strings.Contains(line, "io_uring") {
			where, _, _ := strings.Cut(line, " ")
			open[where] = strings.TrimSpace(line)
		}
	}
}
