package alert

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// someNews is what a program with hostile words in its name did.
func someNews(kinds ...history.NewsKind) (all []history.News) {
	for i, k := range kinds {
		p := &netstat.Process{PID: 4242 + i, Name: "cu\"rl\n; rm -rf $HOME", Module: "a.service"}
		all = append(all, history.News{Time: time.Date(2026, 11, 21, 12, 0, i, 0, time.UTC), Kind: k, Place: &geoip.Location{ISO: "SE", ASN: 64500, Source: "test"},
			Socket: netstat.Socket{Proto: netstat.TCP, State: netstat.Established, Local: netip.MustParseAddrPort("10.0.0.1:4000"),
				Remote: netip.MustParseAddrPort("[2001:db8::1]:443"), UID: 7, HasUID: true, Module: "a.service", Owners: []netstat.Owner{{Process: p, FD: -1}}}})
	}
	return all
}

// told collects what a teller says of trouble.
type told struct {
	mu   sync.Mutex
	list []string
}

func (s *told) add(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, err.Error())
}

func (s *told) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.list...)
}

func testConfig(t *testing.T) (Config, *told) {
	testutil.CheckLeaks(t)
	said := new(told)
	return Config{Host: "box", Errors: said.add, Names: view.Names{UserName: func(uint32) string { return "ann" },
		Details: func(*netstat.Process) (netstat.Details, bool) {
			return netstat.Details{Exe: "/usr/bin/curl", Args: []string{"curl", "-s", "x"}}, true
		}}}, said
}

// closed ends a teller and gives its counts.
func closed(t *testing.T, teller *Teller) Counts {
	t.Helper()
	for range 2 {
		if err := teller.Close(); err != nil {
			t.Error(err)
		}
	}
	return teller.Counts()
}
