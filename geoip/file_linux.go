package geoip

import (
	"os"

	"golang.org/x/sys/unix"
)

// mapFile maps a file for reading. The mapping stays when the descriptor is closed.
func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
}

func unmapFile(b []byte) { _ = unix.Munmap(b) }
