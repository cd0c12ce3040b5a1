package netstat

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
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
		c.Detail = count(len(s.Sockets), "listener", "listeners") + " read"
	}
	if c.Works = err == nil; !c.Works {
		c.Detail, c.Remedy = err.Error(), remedy(m, err)
	}
	return c
}

// remedy says what would make a method work. A program that the verifier refused is nothing that a privilege would cure,
// though it says EACCES then.
func remedy(m Method, err error) string {
	var v *bpf.VerifierError
	refused := errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return "a newer kernel"
	case errors.Is(err, sockiter.ErrNotNative):
		return "run outside of the container, in the machine's own PID namespace"
	case errors.As(err, &v) && v.Log != "":
		return "please report this, with the kernel's version; the next method is used meanwhile"
	case refused && m != Walker && m != TaskFile:
		return "allow netlink sockets (NETLINK_SOCK_DIAG) in this sandbox"
	case refused && os.Geteuid() == 0:
		return "give this process CAP_BPF and CAP_PERFMON, and let its sandbox allow bpf(2)"
	case refused:
		return "run as root, or with CAP_BPF and CAP_PERFMON"
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
	if err != nil {
		c.Detail = err.Error()
		return c
	}
	var gaps []string // each says what to do itself
	for _, err := range s.Partial {
		if !errors.Is(err, errText) {
			gaps = append(gaps, err.Error())
		}
	}
	if c.Works, c.Detail = len(gaps) == 0, strings.Join(gaps, "; "); c.Works {
		c.Detail = fmt.Sprintf("of every process, by %v", s.Method)
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
