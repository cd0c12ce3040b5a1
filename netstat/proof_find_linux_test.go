package netstat_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// TestProofFindBroken asks who owns a port while descriptors run out, at every point where they can: without BPF the
// search opens one directory for each process. The answer is whole, or an error; some must have broken off midway.
func TestProofFindBroken(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	blind()
	records := startKinds(t, testutil.BuildMakers(t), []string{"fork"}, 1)
	port := netip.MustParseAddrPort(records[0].Local).Port()
	var want []int
	for _, r := range records {
		want = append(want, r.PID)
	}
	slices.Sort(want)
	for _, way := range []string{"with BPF", "without"} {
		t.Run(way, func(t *testing.T) {
			if way == "without" {
				testutil.Refuse(t, unix.SYS_BPF, -1)
			}
			if broken := findStarved(t, port, want); broken == 0 && way == "without" {
				t.Error("no search for owners broke off")
			}
		})
	}
}

// findStarved counts the answers that say that the port is owned by somebody who could not be found out.
func findStarved(t *testing.T, port uint16, want []int) (unknown int) {
	t.Helper()
	for spare := uint64(0); spare < 24; spare++ {
		restore := limitFiles(t, spare)
		pids, err := netstat.FindPIDsByTCPPort(port)
		restore()
		if err == nil && !slices.Equal(pids, want) {
			t.Errorf("with %d descriptors to spare: %v and no error, want %v", spare, pids, want)
		}
		for _, pid := range pids {
			if !slices.Contains(want, pid) {
				t.Errorf("with %d descriptors to spare: wrong owner %d", spare, pid)
			}
		}
		if errors.Is(err, netstat.ErrOwnerUnknown) {
			unknown++
			if !strings.Contains(err.Error(), "port") {
				t.Errorf("which port? %v", err)
			}
		}
	}
	if pids, err := netstat.FindPIDsByTCPPort(port); err != nil || !slices.Equal(pids, want) {
		t.Errorf("afterwards: %v, %v, want %v", pids, err, want)
	}
	return unknown
}
