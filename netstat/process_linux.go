package netstat

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"github.com/sockeye-net/sockeye/internal/procfs"
)

// maxParents bounds the walk to the first process: ids that are used again could make a ring.
const maxParents = 64

func processDetails(p *Process) (Details, error) {
	stat, err := readStat(p.PID)
	if err != nil {
		return Details{}, goneOr(err)
	}
	if p.ticks != 0 && stat.Start != p.ticks {
		return Details{}, fmt.Errorf("process %d: %w", p.PID, ErrProcessGone)
	}
	d := Details{Started: p.Started, Module: moduleOfProcess(p.PID), Parents: parents(stat.PPID)}
	err = errors.Join(d.readExe(p.PID), d.readArgs(p.PID), d.readUser(p.PID))
	// The id may have been given to another process while its files were read.
	if again, statErr := readStat(p.PID); statErr != nil || again.Start != stat.Start {
		return Details{}, fmt.Errorf("process %d: %w", p.PID, ErrProcessGone)
	}
	return d, err
}

func goneOr(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrProcessGone, err)
	}
	return err
}

func procPath(pid int, name string) string { return "/proc/" + strconv.Itoa(pid) + "/" + name }

func readStat(pid int) (procfs.Stat, error) {
	b, err := os.ReadFile(procPath(pid, "stat"))
	if err != nil {
		return procfs.Stat{}, err
	}
	return procfs.ParseStat(b)
}

func parents(pid int) (list []Parent) {
	for pid > 0 && len(list) < maxParents {
		stat, err := readStat(pid)
		if err != nil {
			return list
		}
		list = append(list, Parent{PID: pid, Name: stat.Comm})
		pid = stat.PPID
	}
	return list
}

func (d *Details) readExe(pid int) (err error) {
	d.Exe, err = os.Readlink(procPath(pid, "exe"))
	return err
}

func (d *Details) readArgs(pid int) error {
	b, err := os.ReadFile(procPath(pid, "cmdline"))
	if err == nil {
		d.Args = procfs.ParseCmdline(b)
	}
	return err
}

// readUser takes the effective user, whom permissions are checked against.
func (d *Details) readUser(pid int) error {
	b, err := os.ReadFile(procPath(pid, "status"))
	if err != nil {
		return err
	}
	st, err := procfs.ParseStatus(b)
	if err != nil {
		return err
	}
	d.UID = st.EffectiveUID
	d.User = strconv.Itoa(int(d.UID))
	if u, err := user.LookupId(d.User); err == nil {
		d.User = u.Username
	}
	return nil
}
