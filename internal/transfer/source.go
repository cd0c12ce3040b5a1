package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Source is a file or folder that is to be sent.
type Source struct {
	Path string // here
	Name string // at the receiver, with slashes
	Dir  bool
	Size int64 // when it was found

	err error // why it cannot be sent
}

// Sources finds what is to be sent: files, and folders with all that is in them. A file or folder keeps the last element of
// its path as its name. A symbolic link is followed where it was named itself; in folders links and what is no file are
// left out, of which skipped tells.
func Sources(paths []string, skipped func(path, why string)) ([]Source, error) {
	var all []Source
	for _, p := range paths {
		found, err := sources(p, skipped)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	names := make(map[string]string, len(all))
	for _, s := range all {
		if first, twice := names[s.Name]; twice {
			return nil, fmt.Errorf("%s and %s would both be %s at the receiver; send one of them by itself", first, s.Path, s.Name)
		}
		names[s.Name] = s.Path
	}
	return all, nil
}

func sources(p string, skipped func(path, why string)) ([]Source, error) {
	info, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	base, err := baseName(p)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Mode().IsRegular():
		if err := checkName(base, false); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		return []Source{{Path: p, Name: base, Size: info.Size()}}, nil
	case !info.IsDir():
		return nil, fmt.Errorf("%s is no file and no folder", p)
	}
	var all []Source
	err = filepath.WalkDir(p+string(filepath.Separator), func(file string, d fs.DirEntry, err error) error {
		if last := len(all) - 1; err != nil && last >= 0 && all[last].Path == file { // a folder, which it tells of twice
			all = all[:last]
		}
		s, why := inside(p, base, file, d, err)
		if why != "" {
			skipped(file, why)
			return nil
		}
		all = append(all, s)
		return nil
	})
	return all, err
}

// inside is a source in the folder top, whose name is base. A folder that cannot be read (unread) is a source that cannot be
// sent.
func inside(top, base, file string, d fs.DirEntry, unread error) (s Source, why string) {
	rel, err := filepath.Rel(top, file)
	if err != nil {
		return s, err.Error()
	}
	s = Source{Path: file, Name: path.Join(base, filepath.ToSlash(rel)), err: unread}
	if unread != nil {
		return s, ""
	}
	s.Dir = d.IsDir()
	switch {
	case d.Type()&fs.ModeSymlink != 0:
		return s, "is a symbolic link"
	case !d.IsDir() && !d.Type().IsRegular():
		return s, "is no file"
	}
	if err := checkName(s.Name, false); err != nil {
		return s, "cannot be sent: " + err.Error()
	}
	if s.Dir {
		return s, ""
	}
	info, err := d.Info()
	if err != nil {
		return s, reason(err)
	}
	s.Size = info.Size()
	return s, ""
}

// baseName is what a path is called at the receiver, also where it is "." or ends with a slash.
func baseName(p string) (string, error) {
	whole, err := filepath.Abs(p)
	if err != nil {
		return "", err
	}
	base := filepath.Base(whole)
	if base == string(filepath.Separator) || base == "." || strings.HasSuffix(base, ":") {
		return "", fmt.Errorf("%s has no name that it could be sent by; send what is in it", p)
	}
	return base, nil
}

// reason is the error without the paths, which the other end knows by another name.
func reason(err error) string {
	for {
		var p *fs.PathError
		var l *os.LinkError
		switch {
		case errors.As(err, &p):
			err = p.Err
		case errors.As(err, &l):
			err = l.Err
		default:
			return err.Error()
		}
	}
}
