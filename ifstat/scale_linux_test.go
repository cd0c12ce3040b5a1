package ifstat

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// As on a host with many containers: 500 pairs. What a reading costs is logged; that it is right and allocates nothing is
// checked.
func TestManyInterfaces(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	const pairs = 500
	var batch strings.Builder
	for i := range pairs {
		fmt.Fprintf(&batch, "link add p%d type veth peer name q%d\n", i, i)
	}
	file := t.TempDir() + "/batch"
	if err := os.WriteFile(file, []byte(batch.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	tb := open(t, nil)
	before := read(t, tb)
	testutil.Command(t, "ip", "-batch", file)
	s := read(t, tb)
	if len(s.Interfaces) != 2*pairs+1 || len(events(before, s)) != 2*pairs {
		t.Fatalf("%d interfaces, %d changes", len(s.Interfaces), len(events(before, s)))
	}
	for i, e := range Exclusions(nil, s) {
		if e == Counted {
			t.Fatalf("%s counts", s.Interfaces[i].Name)
		}
	}
	for name, f := range map[string]func(){
		"a reading":                func() {},
		"one of all their details": func() { tb.impl.spaces[0].(*route).staleLinks = true },
	} {
		start, n := time.Now(), 0
		if allocs := testing.AllocsPerRun(20, func() {
			n++
			f()
			if err := tb.Read(s); err != nil {
				t.Fatal(err)
			}
		}); allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
		t.Logf("%s of %d interfaces takes %v", name, len(s.Interfaces), time.Since(start)/time.Duration(n))
	}
}

// All namespaces of the machine, again and again.
func BenchmarkReadAllNetNS(b *testing.B) {
	testutil.NeedRoot(b)
	tb := open(b, &Config{AllNetNS: true})
	s := read(b, tb)
	b.ReportAllocs()
	for b.Loop() {
		if err := tb.Read(s); err != nil {
			b.Fatal(err)
		}
	}
}
