package netstat

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/sockiter"
)

// probe tries each thing for real, in the order in which they are preferred.
func probe() []Capability {
	list := []Capability{probeKernel()}
	for _, m := range []Method{Walker, TaskFile, Proc, ProcNet} {
		list = append(list, probeMethod(m))
	}
	return append(list, probePinned(), probeOwners(), probeCgroup())
}

func probeKernel() Capability {
	c := Capability{Name: "kernel", Works: true}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		c.Detail = "Linux " + unix.ByteSliceToString(u.Release[:])
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		c.Works, c.Detail = false, c.Detail+", without type information (/sys/kernel/btf/vmlinux)"
		c.Remedy = "BPF cannot be used; everything works without it, more slowly"
	}
	return c
}

func probeMethod(m Method) Capability {
	c := Capability{Name: m.String()}
	t, err := Open(&Config{Method: m})
	if err == nil {
		defer t.Close()
		var s Snapshot
		err = t.Read(Query{States: ListenerStates, Owner: OwnerPID}, &s)
		c.Detail = fmt.Sprintf("%d listeners read", len(s.Sockets))
	}
	if c.Works = err == nil; !c.Works {
		c.Detail, c.Remedy = err.Error(), remedy(err)
	}
	return c
}

func remedy(err error) string {
	switch {
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		return "run as root, or with CAP_BPF and CAP_PERFMON"
	case errors.Is(err, errors.ErrUnsupported):
		return "a newer kernel"
	}
	return ""
}

func probePinned() Capability {
	walker, files := sockiter.Pinned()
	c := Capability{Name: "setup", Works: walker || files}
	switch {
	case walker && files:
		c.Detail = "the programs are pinned; root starts faster"
	case files:
		c.Detail = "the owner of every socket may be read by this user"
	case walker:
		c.Detail = "the walker is pinned"
	default:
		c.Detail, c.Remedy = "nothing is pinned that this user may use", "optional: an administrator may run `sockeye setup`"
	}
	return c
}

// probeOwners tells whether the owners of other users' sockets can be found, which is the main job.
func probeOwners() Capability {
	c := Capability{Name: "owners"}
	s, err := List(Query{Owner: OwnerPID})
	switch {
	case err != nil:
		c.Detail = err.Error()
	case len(s.Partial) > 0:
		c.Detail, c.Remedy = s.Partial[0].Error(), "run as root, or let an administrator run `sockeye setup --everyone` once"
	default:
		c.Works, c.Detail = true, fmt.Sprintf("of every process, by %v", s.Method)
	}
	return c
}

func probeCgroup() Capability {
	c := Capability{Name: "cgroup"}
	root := cgroupRoot()
	if c.Works = root != ""; !c.Works {
		c.Detail, c.Remedy = "no cgroup v2 hierarchy is mounted", "units and containers are told by their processes' own cgroups only"
		return c
	}
	c.Detail = "cgroup v2 at " + root
	if b, err := os.ReadFile("/proc/self/cgroup"); err == nil && strings.Contains(string(b), "name=systemd") {
		c.Detail += ", beside version 1"
	}
	return c
}
