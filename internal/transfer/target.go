package transfer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

var errLocked = errors.New("another process is receiving it")

const existsText = "it is there already with another content; recv --force replaces it"

// target is a file that is being received.
type target struct {
	Offer
	claimed bool
	place   string   // in the folder, with the system's separators
	part    string   // the file that is not complete
	file    *os.File // that, or the file in its place (whole), or nil: then the content is only hashed
	whole   bool     // file is what is in its place already
	hash    *hasher
	held    int64 // bytes of file that may be the sender's
	exact   bool  // a whole one that differs is not replaced
	at      int64 // bytes that are written, or only hashed
	failed  *verdict
}

// prepare finds out what is there. A verdict with a status is the end of it.
func (r *receiving) prepare(ctx context.Context, t *target) verdict {
	if err := checkName(t.Name, onWindows); err != nil {
		return verdict{Refused, err.Error()}
	}
	if !r.claim(ctx, t.Name) {
		return verdict{Refused, "it is being received from somebody else"}
	}
	t.claimed, t.place = true, filepath.FromSlash(t.Name)
	t.part, t.hash = filepath.FromSlash(partName(t.Name)), newHasher()
	if t.Dir {
		return r.makeFolder(t)
	}
	info, err := r.folder.Lstat(t.place)
	switch {
	case err == nil:
		return r.existing(t, info)
	case !errors.Is(err, fs.ErrNotExist):
		return fault(err)
	}
	if err := r.folder.MkdirAll(filepath.Dir(t.place), 0o777); err != nil {
		return fault(err)
	}
	return r.resume(t)
}

// fault is an error of the folder: what leads out of it is refused, the rest has failed.
func fault(err error) verdict {
	text := reason(err)
	if text == "path escapes from parent" { // package os has no name for this error
		return verdict{Refused, "its path leaves the folder by a symbolic link"}
	}
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrExist) {
		return verdict{Refused, "a file is there where its folder should be"}
	}
	return verdict{Failed, text}
}

func (r *receiving) makeFolder(t *target) verdict {
	info, err := r.folder.Stat(t.place)
	if err == nil && info.IsDir() {
		return verdict{status: Same}
	}
	if err == nil {
		return verdict{Refused, "a file is there where its folder should be"}
	}
	if err := r.folder.MkdirAll(filepath.Dir(t.place), 0o777); err != nil {
		return fault(err)
	}
	mode := fs.FileMode(0o777)
	if t.Mode != 0 {
		mode = t.Mode | 0o700 // what is in it must find a way in
	}
	if err := r.folder.Mkdir(t.place, mode); err != nil {
		return fault(err)
	}
	return verdict{status: Received}
}

// existing decides about a file in the place. One of the same size may be the same; then it need not be sent.
func (r *receiving) existing(t *target, info fs.FileInfo) verdict {
	same := info.Mode().IsRegular() && info.Size() == t.Size
	switch {
	case info.IsDir():
		return verdict{Refused, "a folder of this name is there"}
	case !same && !r.cfg.Force:
		return verdict{Refused, existsText}
	case !same || t.eager && r.cfg.Force:
		return r.resume(t)
	case t.eager:
		t.exact = true // it is compared when it has come
		return verdict{}
	}
	f, err := openIn(r.folder, t.place, os.O_RDONLY, 0)
	if err != nil {
		return fault(err)
	}
	t.file, t.whole, t.held, t.exact = f, true, t.Size, !r.cfg.Force
	return verdict{}
}

// resume opens what is there of a file from before, or begins it.
func (r *receiving) resume(t *target) verdict {
	mode := t.Mode
	if mode == 0 {
		mode = 0o666
	}
	f, err := openIn(r.folder, t.part, os.O_RDWR|os.O_CREATE, mode.Perm()|0o600)
	if err != nil {
		return fault(err)
	}
	if err := r.own(t, f); err != nil {
		f.Close()
		return fault(err)
	}
	t.file = f
	return verdict{}
}

// own locks a file, and makes sure that it is still the one of that name: whoever had it before may have put it in its place.
func (r *receiving) own(t *target, f *os.File) error {
	if err := lock(f); err != nil {
		return err
	}
	is, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := r.folder.Lstat(t.part)
	if err != nil {
		return err
	}
	if !os.SameFile(is, named) {
		return errLocked
	}
	if err := restrict(f, is.Mode(), t.Mode); err != nil {
		return err
	}
	if t.eager || is.Size() > t.Size {
		return f.Truncate(0)
	}
	t.held = is.Size()
	return nil
}

// openIn opens a regular file in a folder, and nothing that a link leads to.
func openIn(folder *os.Root, name string, flag int, mode fs.FileMode) (*os.File, error) {
	if info, err := folder.Lstat(name); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", filepath.Base(name))
	}
	f, err := folder.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	is, err := f.Stat()
	if err == nil && !is.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", filepath.Base(name))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// renew begins at the first byte: with an empty file that is not in its place.
func (r *receiving) renew(t *target) error {
	if t.whole {
		t.file.Close()
		t.file, t.whole = nil, false
		if v := r.resume(t); v.status != 0 {
			return errors.New(v.text)
		}
	}
	t.held = 0
	return t.file.Truncate(0)
}

// write adds content.
func (t *target) write(b []byte) error {
	if t.file != nil {
		if _, err := t.file.WriteAt(b, t.at); err != nil {
			return err
		}
	}
	t.at += int64(len(b))
	return nil
}

// install puts a file whose checksum is right in its place.
func (r *receiving) install(t *target) verdict {
	switch {
	case t.whole:
		return verdict{status: Same}
	case t.file == nil:
		return r.compare(t)
	}
	err := setMode(t.file, t.Mode)
	if e := t.file.Close(); err == nil {
		err = e // such as a network's disk that is full
	}
	t.file = nil
	if err == nil && !t.Time.IsZero() {
		err = r.folder.Chtimes(t.part, t.Time, t.Time)
	}
	if err == nil {
		err = r.rename(t)
	}
	switch {
	case err == nil:
		return verdict{status: Received}
	case errors.Is(err, fs.ErrExist):
		return r.compare(t)
	}
	return verdict{Failed, reason(err)}
}

// rename gives the file its name. Without force that must not be taken by another file, however late it has come: a hard
// link tells, where the file system has any.
func (r *receiving) rename(t *target) error {
	if r.cfg.Force {
		return r.folder.Rename(t.part, t.place)
	}
	err := r.folder.Link(t.part, t.place)
	switch {
	case err == nil:
		return r.folder.Remove(t.part)
	case !cannotLink(err):
		return err
	}
	if _, err := r.folder.Lstat(t.place); err == nil {
		return fs.ErrExist
	}
	return r.folder.Rename(t.part, t.place)
}

// compare decides about a file that is in the place of one whose content has come: only the same one is welcome.
func (r *receiving) compare(t *target) verdict {
	f, err := openIn(r.folder, t.place, os.O_RDONLY, 0)
	if err != nil {
		return fault(err)
	}
	defer f.Close()
	there := newHasher()
	if info, err := f.Stat(); err != nil || info.Size() != t.Size || hashPart(context.Background(), f, 0, t.Size, there.sum, r.bufs.next(), nil) != nil || there.value() != t.hash.value() {
		return verdict{Refused, existsText}
	}
	_ = r.folder.Remove(t.part) // there may be none
	return verdict{status: Same}
}

// drop removes what has a wrong checksum: nothing could be resumed from it.
func (r *receiving) drop(t *target) {
	if t.file == nil || t.whole {
		return
	}
	t.file.Close()
	t.file = nil
	_ = r.folder.Remove(t.part)
}

// letGo closes a file, whatever became of it. One without any content is not kept.
func (r *receiving) letGo(t *target) {
	if t.hash != nil {
		t.hash.stop()
	}
	if t.file != nil {
		t.file.Close()
		if !t.whole && t.at == 0 && t.held == 0 {
			_ = r.folder.Remove(t.part)
		}
	}
	if t.claimed {
		r.release(t.Name)
	}
}
