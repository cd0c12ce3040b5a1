package cli

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// pipeDirs are where package pipe puts sockets (see pipe/place_linux.go).
var pipeDirs = []string{"/run/sockeye/pipe", "/run/sockeye/shared", "/run/user/*/sockeye/pipe"}

// pipeFiles finds the pipes of all users whose directories can be read.
func pipeFiles() ([]pipeFile, error) {
	patterns := append([]string{filepath.Join(os.TempDir(), "sockeye-*/sockeye/pipe")}, pipeDirs...)
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		patterns = append(patterns, filepath.Join(dir, "sockeye/pipe"))
	}
	var all []pipeFile
	seen := make(map[string]bool)
	for _, pattern := range patterns {
		dirs, _ := filepath.Glob(pattern) // the only error is a bad pattern
		for _, dir := range dirs {
			if !seen[dir] {
				seen[dir] = true
				all = append(all, pipesIn(dir)...)
			}
		}
	}
	return all, nil
}

func pipesIn(dir string) (all []pipeFile) {
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if entry.Type() != fs.ModeSocket {
			continue
		}
		f, ok := pipeAt(path)
		if !ok {
			f = pipeFile{Name: nameOfFile(entry.Name(), path), Path: path}
		}
		alive, err := unixpipe.Alive(path)
		f.Stale = err == nil && !alive
		all = append(all, f)
	}
	return all
}

// nameOfFile is the pipe's name of a file name: see escape in pipe/place_linux.go. A hash says nothing.
func nameOfFile(file, path string) string {
	if strings.HasPrefix(file, "%") && !strings.HasPrefix(file, "%%") && !strings.HasPrefix(file, "%.") {
		return path
	}
	if rest, ok := strings.CutPrefix(file, "%."); ok {
		file = "." + rest
	}
	return pipePrefix + strings.ReplaceAll(file, "%%", "%")
}

// maxInfoText is more than the file beside a pipe has.
const maxInfoText = 4096

// pipeAt reads the file beside a socket in which its server tells of it: that tells a pipe from other sockets.
func pipeAt(path string) (pipeFile, bool) {
	f := pipeFile{Path: path}
	dir, file := filepath.Split(path)
	info, err := os.OpenFile(dir+"."+file+".info", os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		if ownPlace(dir) { // of another user, or its server was killed
			f.Name = nameOfFile(file, path)
			f.stat()
			return f, true
		}
		return f, false
	}
	defer info.Close()
	text, _ := io.ReadAll(io.LimitReader(info, maxInfoText))
	f.parse(string(text))
	f.stat()
	return f, f.Name != ""
}

// ownPlace reports whether only pipes are in a directory.
func ownPlace(dir string) bool {
	return strings.HasSuffix(dir, "/sockeye/pipe/") || dir == "/run/sockeye/shared/"
}

func (f *pipeFile) parse(text string) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "name":
			f.Name = value
		case "type":
			f.Message, f.Known = value == "message", true
		case "instances":
			f.Max, _ = strconv.Atoi(value)
		}
	}
}

func (f *pipeFile) stat() {
	info, err := os.Lstat(f.Path)
	if err != nil {
		return
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID = s.Uid
	}
}
