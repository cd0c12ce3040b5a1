// Package ntlayout decodes the process list of NtQuerySystemInformation(SystemProcessInformation), which tells name, parent
// and start of every process to every user, with no handle and so no permission needed. It makes no system call and builds
// everywhere.
//
// The structure, SYSTEM_PROCESS_INFORMATION, is in <winternl.h> with most fields reserved; the offsets used here have been
// the same since Windows XP, and golang.org/x/sys/windows has them too.
package ntlayout

import (
	"encoding/binary"
	"fmt"
	"iter"
	"unicode/utf16"
)

// Process is one entry of the list.
type Process struct {
	PID, Parent uint32
	Created     int64  // FILETIME: 100 ns since 1601
	Name        []byte // the executable's base name in UTF-16, little endian; part of the buffer. Empty for the idle process
}

// Text is the name.
func (p Process) Text() string {
	u := make([]uint16, len(p.Name)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(p.Name[2*i:])
	}
	return string(utf16.Decode(u))
}

// Width is the size of a pointer on the system that made the list.
type Width uint8

// The widths.
const (
	Width32 Width = 4
	Width64 Width = 8
)

// offsets of the fields in bytes, and of the end of the last.
type offsets struct{ created, nameLen, name, pid, parent, end uint32 }

func (w Width) offsets() offsets {
	if w == Width32 {
		return offsets{32, 56, 60, 68, 72, 76}
	}
	return offsets{32, 56, 64, 80, 88, 96}
}

func (w Width) word(b []byte) uint64 {
	if w == Width32 {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return binary.LittleEndian.Uint64(b)
}

// Error is a list that points outside itself.
type Error struct {
	At   int    // where the entry begins
	Len  int    // bytes of the whole list
	What string // which of its fields is wrong
	Head []byte // the entry's first bytes, 16 at most
}

func (e *Error) Error() string {
	return fmt.Sprintf("process list of %d bytes: entry at %d, begins % x: %s", e.Len, e.At, e.Head, e.What)
}

// Processes goes through the list in b, which the system wrote to the address base: names are pointers into the list. What
// is broken ends it, with an *Error.
func Processes(b []byte, base uint64, w Width) iter.Seq2[Process, error] {
	return func(yield func(Process, error) bool) {
		o := w.offsets()
		for at := uint64(0); ; {
			if uint64(len(b)) < at+uint64(o.end) {
				yield(Process{}, broken(b, at, "it does not fit"))
				return
			}
			p, err := o.process(b, at, base, w)
			if !yield(p, err) || err != nil {
				return
			}
			next := binary.LittleEndian.Uint32(b[at:])
			if next == 0 {
				return
			}
			at += uint64(next)
		}
	}
}

func (o *offsets) process(b []byte, at, base uint64, w Width) (p Process, err error) {
	e := b[at:]
	p.PID, p.Parent = uint32(w.word(e[o.pid:])), uint32(w.word(e[o.parent:]))
	p.Created = int64(binary.LittleEndian.Uint64(e[o.created:]))
	n, name := uint64(binary.LittleEndian.Uint16(e[o.nameLen:])), w.word(e[o.name:])-base
	if n == 0 {
		return p, nil
	}
	if name > uint64(len(b)) || n > uint64(len(b))-name {
		return Process{}, broken(b, at, "its name is elsewhere")
	}
	p.Name = b[name:][:n:n]
	return p, nil
}

func broken(b []byte, at uint64, what string) error {
	head := b[min(at, uint64(len(b))):]
	return &Error{At: int(at), Len: len(b), What: what, Head: append([]byte(nil), head[:min(len(head), 16)]...)}
}
