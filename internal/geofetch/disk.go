package geofetch

import (
	"fmt"
	"os"
)

// disk counts what an update writes.
type disk struct {
	dir     string
	written int64 // by now
	needed  int64 // in all, as far as it is known
}

// NoSpaceError says that a disk is full, or would be.
type NoSpaceError struct {
	Dir    string
	Needed int64 // bytes; 0 is more than Free, and not known
	Free   int64
	Err    error // nil: it was not tried
}

func (e *NoSpaceError) Error() string {
	need := fmt.Sprint(e.Needed)
	if e.Needed == 0 {
		need = "more"
	}
	return fmt.Sprintf("the disk is full: %s bytes are needed in %s, %d are free; the old file is as it was", need, e.Dir, e.Free)
}

func (e *NoSpaceError) Unwrap() error { return e.Err }

// need adds to what will be written, and refuses what cannot have room: a disk that is full, if only for a moment, harms
// others.
func (d *disk) need(bytes int64) error {
	d.needed += bytes
	if free, ok := freeSpace(d.dir); ok && d.needed-d.written > free {
		return d.full(nil)
	}
	return nil
}

// explain says of an error of writing how much there was to write, if that was the reason.
func (d *disk) explain(err error) error {
	if err == nil || !diskFull(err) {
		return err
	}
	return d.full(err)
}

// full counts as free what this update has written, since it is removed.
func (d *disk) full(err error) error {
	free, _ := freeSpace(d.dir)
	e := &NoSpaceError{Dir: d.dir, Free: free + d.written, Err: err}
	if d.needed > e.Free {
		e.Needed = d.needed
	}
	return e
}

// diskWriter writes to a file and counts.
type diskWriter struct {
	disk *disk
	file *os.File
}

func (w diskWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.disk.written += int64(n)
	return n, w.disk.explain(err)
}
