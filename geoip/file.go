package geoip

import (
	"io"
	"os"
	"unsafe"
)

// readFile reads a file of a known size.
func readFile(f *os.File, size int) ([]byte, error) {
	b := make([]byte, size)
	if _, err := io.ReadFull(f, b); err != nil {
		return nil, err
	}
	return b, nil
}

// within tells whether an address of memory lies in b.
func within(b []byte, addr uintptr) bool {
	from := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return addr >= from && addr-from < uintptr(len(b))
}
