package ifstat

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestProcNetDevSameName: by /proc/net/dev an interface is known by its name only; one that takes over the name is no veth because the
// former was.
func TestProcNetDevSameName(t *testing.T) {
	ip := testutil.NeedTool(t, "ip")
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true, MountNS: true}) {
		return
	}
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil { // that of this namespace
		testutil.Lack(t, "mount of sysfs: "+err.Error())
	}
	table, err := Open(&Config{Method: ProcNetDev})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	var kinds []string
	for _, commands := range [][]string{{"link add q0 type veth peer name q1"}, {"link del q0", "tuntap add q0 mode tun"}} {
		for _, c := range commands {
			if out, err := exec.Command(ip, strings.Fields(c)...).CombinedOutput(); err != nil {
				testutil.Lack(t, "ip "+c+": "+string(out))
			}
		}
		var s Snapshot
		if err := table.Read(&s); err != nil {
			t.Fatal(err)
		}
		for _, i := range s.Interfaces {
			if i.Name == "q0" {
				kinds = append(kinds, i.KindName)
				if (i.Link != 0) != (i.KindName == "veth") {
					t.Errorf("%+v", i)
				}
			}
		}
	}
	if len(kinds) != 2 || kinds[0] != "veth" || kinds[1] == "veth" {
		t.Errorf("%q", kinds)
	}
}
