package geofetch

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
)

// What archives begin with. The magic of tar stands behind the first member's name and numbers (POSIX.1-2017, pax).
const (
	gzipMagic = "\x1f\x8b\x08"
	zipMagic  = "PK\x03\x04"
	tarMagic  = "ustar"
	tarAt     = 257
)

// maxDirectory bounds what a zip archive says of its members, in bytes: all of it is held in memory.
const maxDirectory = 4 << 20

// unpack returns the file that holds the database: the one that came, or another one where that is packed. Archives are
// known by how they begin, since addresses need not have a file's name.
func (u *update) unpack(raw *os.File) (*os.File, error) {
	head := make([]byte, tarAt+len(tarMagic))
	n, err := raw.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var from func(raw, to *os.File) error
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		from = u.gunzip
	case bytes.HasPrefix(head, []byte(zipMagic)):
		from = u.unzip
	case isTar(head):
		from = func(raw, to *os.File) error { return u.untar(u.bound(raw), to) }
	default:
		return raw, nil
	}
	return u.unpackBy(from, raw)
}

func (u *update) unpackBy(from func(raw, to *os.File) error, raw *os.File) (*os.File, error) {
	to, err := u.target.temp()
	if err != nil {
		return nil, err
	}
	if _, err = raw.Seek(0, io.SeekStart); err == nil {
		err = from(raw, to)
	}
	if err != nil {
		u.target.drop(to)
		return nil, fmt.Errorf("unpacking what the server sent: %w", err)
	}
	return to, nil
}

func isTar(head []byte) bool {
	return len(head) >= tarAt+len(tarMagic) && string(head[tarAt:tarAt+len(tarMagic)]) == tarMagic
}

// gunzip unpacks a file, or a tar archive inside.
func (u *update) gunzip(raw, to *os.File) error {
	z, err := gzip.NewReader(bufio.NewReaderSize(raw, copySize))
	if err != nil {
		return err
	}
	r := bufio.NewReaderSize(u.bound(z), copySize)
	if head, _ := r.Peek(tarAt + len(tarMagic)); isTar(head) {
		return u.untar(r, to)
	}
	size := gzipSize(raw)
	if err := u.disk.need(size); err != nil {
		return err
	}
	_, err = u.copy(to, r, Progress{Stage: Unpacking, Total: size})
	return err
}

// gzipSize is what the file says of its length unpacked, modulo 2^32, in its last four bytes (RFC 1952, 2.3.1).
func gzipSize(f *os.File) int64 {
	var b [4]byte
	end, err := f.Stat()
	if err != nil {
		return 0
	}
	if _, err := f.ReadAt(b[:], end.Size()-int64(len(b))); err != nil {
		return 0
	}
	return int64(binary.LittleEndian.Uint32(b[:]))
}

// member is a file in an archive.
type member struct {
	name string
	size int64
	open func() (io.Reader, error)
}

func (u *update) untar(r io.Reader, to *os.File) error {
	p := picker{u: u, to: to}
	for t := tar.NewReader(r); !p.done; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := p.see(member{h.Name, h.Size, func() (io.Reader, error) { return t, nil }}); err != nil {
			return err
		}
	}
	return p.end()
}

func (u *update) unzip(raw, to *os.File) error {
	info, err := raw.Stat()
	if err != nil {
		return err
	}
	at := &limitedAt{raw, maxDirectory}
	z, err := zip.NewReader(at, info.Size())
	if err != nil {
		return err
	}
	at.left = 1 << 62
	p := picker{u: u, to: to}
	for _, f := range z.File {
		if !f.Mode().IsRegular() || p.done {
			continue
		}
		if err := p.see(member{f.Name, int64(min(f.UncompressedSize64, 1<<62)), func() (io.Reader, error) { return u.openZip(f) }}); err != nil {
			return err
		}
	}
	return p.end()
}

const zipEncrypted = 1 // in the flags (APPNOTE.TXT, 4.4.4)

// openZip needs no closing: that only gives the decompressor's memory back to be used again.
func (u *update) openZip(f *zip.File) (io.Reader, error) {
	if f.Flags&zipEncrypted != 0 {
		return nil, fmt.Errorf("%s in the archive is encrypted", f.Name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	return u.bound(r), nil
}

// limitedAt ends when more was read than is left.
type limitedAt struct {
	r    io.ReaderAt
	left int64
}

func (l *limitedAt) ReadAt(p []byte, off int64) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errors.New("the archive has too many members")
	}
	return l.r.ReadAt(p, off)
}

// picker finds the database among the members of an archive: the one that is called as the target, else the only one.
type picker struct {
	u     *update
	to    *os.File
	names []string // of databases
	done  bool     // there cannot be a better one
}

// databaseNames are what the names of databases end in.
var databaseNames = []string{".mmdb", ".dat", ".xdb", ".ipdb", ".db"}

func (p *picker) see(m member) error {
	base := strings.ToLower(path.Base(m.name))
	if !slices.Contains(databaseNames, path.Ext(base)) {
		return nil
	}
	p.names = append(p.names, m.name)
	p.done = strings.EqualFold(base, p.u.target.base)
	if len(p.names) > 1 && !p.done {
		return nil // an error, if no better one comes
	}
	return p.take(m)
}

// take unpacks a member, over the one that was unpacked before.
func (p *picker) take(m member) error {
	u := p.u
	if m.size > u.opt.MaxSize {
		return u.tooLarge()
	}
	if err := p.to.Truncate(0); err != nil {
		return err
	}
	if _, err := p.to.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := u.disk.need(m.size); err != nil {
		return err
	}
	r, err := m.open()
	if err != nil {
		return err
	}
	_, err = u.copy(p.to, r, Progress{Stage: Unpacking, Total: m.size})
	return err
}

func (p *picker) end() error {
	switch {
	case p.done, len(p.names) == 1:
		return nil
	case len(p.names) == 0:
		return errors.New("there is no database in the archive")
	}
	return fmt.Errorf("there are %d databases in the archive (%s, %s): give the file the name of the one that is wanted",
		len(p.names), p.names[0], p.names[1])
}

// FileOf is the name of the database that an address seems to have, without what it is packed by; empty where its path
// does not end in one.
func FileOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	name := path.Base(u.Path)
	for _, packed := range []string{".gz", ".tar", ".tgz", ".zip"} {
		name = strings.TrimSuffix(name, packed)
	}
	if strings.HasPrefix(name, ".") || strings.ContainsAny(name, `\:`) || !slices.Contains(databaseNames, strings.ToLower(path.Ext(name))) {
		return ""
	}
	return name
}
