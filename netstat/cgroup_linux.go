package netstat

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sockeye-net/sockeye/internal/procfs"
)

// rootCgroup is the id of the root of the cgroup hierarchy, where nothing has been put anywhere.
const rootCgroup = 1

// cgroups tells the unit or container of a cgroup by its id, which is the inode of its directory. The tree is read when an
// id is asked for that was not there the last time.
type cgroups struct {
	names map[uint64]string
	root  string
	tried bool // the tree was read since the last begin
}

func (c *cgroups) begin() { c.tried = false }

func (c *cgroups) module(id uint64) string {
	if id <= rootCgroup {
		return ""
	}
	name, ok := c.names[id]
	if !ok && !c.tried {
		c.tried = true
		c.read()
		name = c.names[id]
	}
	return name
}

func (c *cgroups) read() {
	if c.root == "" {
		c.root = cgroupRoot()
	}
	c.names = make(map[uint64]string)
	if c.root == "" {
		return
	}
	_ = filepath.WalkDir(c.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return nil // a cgroup may vanish while its parent is read
		}
		if fi, err := d.Info(); err == nil {
			if st, ok := fi.Sys().(*syscall.Stat_t); ok {
				c.names[st.Ino] = procfs.Module(strings.TrimPrefix(path, c.root))
			}
		}
		return nil
	})
}

// cgroupRoot is where the cgroup v2 hierarchy is mounted, "" where it is not.
func cgroupRoot() string {
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return ""
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if fields := strings.Fields(sc.Text()); len(fields) > 2 && fields[2] == "cgroup2" {
			return fields[1]
		}
	}
	return ""
}
