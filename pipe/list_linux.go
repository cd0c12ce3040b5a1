package pipe

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

func list() ([]Listed, error) {
	var all []Listed
	var errs []error
	for _, dir := range pipeDirs() {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
		for _, e := range entries {
			name, ok := strings.CutPrefix(e.Name(), lockPrefix)
			name, locked := strings.CutSuffix(name, lockSuffix)
			if path := filepath.Join(dir, name); ok && locked && isSocket(path) { // else it begins, or was removed by hand
				all = append(all, listed(path))
			}
		}
	}
	if err := countClients(all); err != nil {
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// pipeDirs are the directories of pipes that this user may read.
func pipeDirs() []string {
	dirs := []string{sharedDir}
	for _, dir := range runtimeDirs() {
		dirs = append(dirs, filepath.Join(dir, ownDir))
	}
	if os.Geteuid() == 0 {
		for _, home := range []string{"/run/user/*", filepath.Join(os.TempDir(), "sockeye-*")} {
			others, _ := filepath.Glob(filepath.Join(home, ownDir))
			for _, dir := range others {
				if !slices.Contains(dirs, dir) {
					dirs = append(dirs, dir)
				}
			}
		}
	}
	return dirs
}

func isSocket(path string) bool {
	s, err := os.Lstat(path)
	return err == nil && s.Mode().Type() == os.ModeSocket
}

func listedAt(path string) (Listed, bool) {
	dir := filepath.Dir(path)
	if l := listed(path); dir == sharedDir || strings.HasSuffix(dir, "/"+ownDir) || parseLockFile(readInfo(placeOf(path).info)).name != "" {
		return l, true
	}
	return Listed{}, false
}

// listed is the pipe at a path. What its server tells, of whatever version it is, is what the socket does not.
func listed(path string) Listed {
	at := placeOf(path)
	l := Listed{Path: path}
	f := parseLockFile(readInfo(at.info))
	if f.name == "" { // it died, or is, between its lock and that file
		f.name = nameOf(filepath.Base(path))
	}
	l.Name, l.PID, l.Type, l.TypeKnown, l.MaxInstances = f.name, f.pid, f.typ, f.typeKnown, f.maxInstances
	if s, err := os.Lstat(at.lock); err == nil {
		if sys, ok := s.Sys().(*syscall.Stat_t); ok {
			l.User = strconv.FormatUint(uint64(sys.Uid), 10)
		}
	}
	alive, err := unixpipe.Alive(path)
	l.Dead = err == nil && !alive
	return l
}

// countClients counts the connections of each pipe: their server's ends have the name of the socket that they came by.
func countClients(all []Listed) error {
	if len(all) == 0 {
		return nil
	}
	at := make(map[string]*Listed, len(all))
	for i := range all {
		at[all[i].Path] = &all[i]
	}
	err := unixSockets(inetdiag.AllStates, func(r *rawsock.Unix) {
		switch l := at[r.Name]; {
		case l == nil:
		case r.State == rawsock.Listen:
			l.Waiting = int(r.RecvQ)
		case r.State == rawsock.Established:
			l.Instances++
		}
	})
	for _, l := range at {
		if l.MaxInstances > 0 && l.Instances >= l.MaxInstances && l.Waiting > 0 {
			l.Waiting-- // the plug, see seats
		}
	}
	return err
}

// unixSockets calls f for each Unix socket of the network namespace in one of the states, as sock_diag tells them.
func unixSockets(states uint32, f func(*rawsock.Unix)) error {
	conn, err := netlink.Open()
	if err != nil {
		return err
	}
	defer conn.Close()
	var rows inetdiag.UnixRows
	rows.Begin()
	if err := conn.Dump((&inetdiag.UnixRequest{States: states}).Append(nil), &rows); err != nil {
		return err
	}
	for i := range rows.Rows {
		f(&rows.Rows[i])
	}
	return nil
}
