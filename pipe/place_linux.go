package pipe

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// Where pipes are. A user's are in a directory that nobody else may enter; those that root shares with others are in one
// that everybody may enter and only root may write to.
const (
	ownDir     = "sockeye/pipe"
	sharedDir  = "/run/sockeye/shared"
	lockPrefix = "."
	lockSuffix = ".lock"
	infoSuffix = ".info"
)

// place is where a pipe's socket and its lock are, and what its server tells others. The lock is nobody else's to read,
// because who can open a file can lock it, and would keep the next server from its name.
type place struct{ socket, lock, info string }

// placeIn is that of a name, whose case does not count, in a directory. A name that is too long for a socket's path is there under its hash.
func placeIn(dir, name string) place {
	name = strings.ToLower(name)
	file := escape(name)
	if len(dir)+1+len(file) > unixpipe.MaxPath {
		sum := sha256.Sum256([]byte(name))
		file = "%" + hex.EncodeToString(sum[:16])
	}
	return placeOf(filepath.Join(dir, file))
}

func placeOf(path string) place {
	dir, file := filepath.Split(path)
	return place{path, dir + lockPrefix + file + lockSuffix, dir + lockPrefix + file + infoSuffix}
}

// escape makes a file name of a pipe's name: a dot at its beginning would hide it, or climb.
func escape(name string) string {
	name = strings.ReplaceAll(name, "%", "%%")
	if strings.HasPrefix(name, ".") {
		name = "%." + name[1:]
	}
	return name
}

// candidates are the places where a client looks for a pipe.
func candidates(p pipeName) ([]place, error) {
	switch {
	case p.host != "":
		return nil, fmt.Errorf("%w: a pipe of another machine (%s)", ErrUnsupported, p.host)
	case strings.HasPrefix(p.path, "@"): // which would mean an abstract name
		return []place{placeOf("./" + p.path)}, checkPath(p.path)
	case p.path != "":
		return []place{placeOf(p.path)}, checkPath(p.path)
	}
	var all []place
	for _, dir := range runtimeDirs() {
		all = append(all, placeIn(filepath.Join(dir, ownDir), p.name))
	}
	return append(all, placeIn(sharedDir, p.name)), nil
}

func checkPath(path string) error {
	if len(path) > unixpipe.MaxPath {
		return fmt.Errorf("%w: %q has %d bytes, a socket's path has %d at most", ErrBadName, path, len(path), unixpipe.MaxPath)
	}
	return nil
}

// home is the place of a server's pipe, whose directory is made.
func home(p pipeName, shared bool) (place, error) {
	if p.host != "" || p.path != "" {
		all, err := candidates(p)
		return append(all, place{})[0], err
	}
	if !shared {
		dir, err := ownHome()
		return placeIn(dir, p.name), err
	}
	if os.Geteuid() != 0 {
		return place{}, fmt.Errorf("%w: a pipe for other users needs a path: they cannot enter the runtime directory of this one",
			ErrUnsupported)
	}
	return placeIn(sharedDir, p.name), makeDirs(sharedDir, 0o755)
}

func ownHome() (string, error) {
	dir, err := runtimeDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, ownDir)
	return dir, makeDirs(dir, 0o700)
}

// runtimeDir is a directory that is the user's alone: $XDG_RUNTIME_DIR, what systemd makes in its place, or, where neither
// is, one in the directory for temporary files. Root's is /run, which others may enter and not write to.
func runtimeDir() (string, error) {
	if dirs := runtimeDirs(); len(dirs) > 0 {
		return dirs[0], nil
	}
	dir := temporaryDir()
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", opening(errnoOf(err))
	}
	return dir, trusted(dir)
}

// longestDir leaves room for the hash of a name in a socket's path.
const longestDir = unixpipe.MaxPath - len("/"+ownDir+"/%") - 32

// runtimeDirs are those of them that there are. A client looks in all: a service does not always have the variable that a
// login has, nor the directory that comes with one.
func runtimeDirs() (dirs []string) {
	run := "/run"
	if uid := os.Geteuid(); uid != 0 {
		run = "/run/user/" + strconv.Itoa(uid)
	}
	for _, dir := range []string{os.Getenv("XDG_RUNTIME_DIR"), run, temporaryDir()} {
		if filepath.IsAbs(dir) && len(dir) <= longestDir && trusted(dir) == nil && !slices.Contains(dirs, filepath.Clean(dir)) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	return dirs
}

func temporaryDir() string { return filepath.Join(os.TempDir(), "sockeye-"+strconv.Itoa(os.Geteuid())) }

// trusted checks that a directory is the user's, and that nobody else can put anything there.
func trusted(dir string) error {
	var s unix.Stat_t
	if err := unix.Lstat(dir, &s); err != nil {
		return err
	}
	switch {
	case s.Mode&unix.S_IFMT != unix.S_IFDIR:
		return fmt.Errorf("%w: %s is not a directory", ErrAccessDenied, dir)
	case int(s.Uid) != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to user %d", ErrAccessDenied, dir, s.Uid)
	case s.Mode&0o022 != 0:
		return fmt.Errorf("%w: %s can be written to by others (mode %#o)", ErrAccessDenied, dir, s.Mode&0o7777)
	}
	return nil
}

// makeDirs makes dir with the mode, and the one above it that others may enter.
func makeDirs(dir string, mode os.FileMode) error {
	for _, d := range []struct {
		path string
		mode os.FileMode
	}{{filepath.Dir(dir), 0o755}, {dir, mode}} {
		err := os.Mkdir(d.path, d.mode)
		if err == nil {
			err = os.Chmod(d.path, d.mode) // whatever the umask is
		} else if errors.Is(err, os.ErrExist) {
			err = trusted(d.path)
		}
		if err != nil {
			return opening(errnoOf(err))
		}
	}
	return nil
}

// errnoOf is the error number in err, or err.
func errnoOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// The direction of a pipe stands in the socket file's mode: executing a socket means nothing, so these bits are free. The
// sticky bit tells them from those that bind(2) leaves, whatever the umask is: gpg-agent's sockets have mode 0700.
const (
	directionBits = 0o1111
	inboundBit    = 0o1100
	outboundBit   = 0o1010
)

func directionMode(d Direction) uint32 {
	switch d {
	case Inbound:
		return inboundBit
	case Outbound:
		return outboundBit
	}
	return 0
}

// directionOf is that of a path's pipe. A path that cannot be looked at (it has gone by now) is not worth an error.
func directionOf(path string) Direction {
	var s unix.Stat_t
	if unix.Stat(path, &s) != nil {
		return Duplex
	}
	switch {
	case s.Mode&directionBits == inboundBit:
		return Inbound
	case s.Mode&directionBits == outboundBit:
		return Outbound
	}
	return Duplex
}
