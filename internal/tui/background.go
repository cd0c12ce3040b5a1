package tui

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// details are what is known of processes beyond their names. They are read beside the screen: a process that hangs can make
// who reads its command line wait.
type details struct {
	known  map[*netstat.Process]*known
	asking bool
}

type known struct {
	netstat.Details
	at  time.Time
	err error
}

// detailsLast is how long details are believed: a process may get other parents.
const detailsLast = 20 * time.Second

// detailsBatch is how many processes are asked at a time, so that the first answers are soon there.
const detailsBatch = 128

func (d *details) open() { d.known = make(map[*netstat.Process]*known) }

// of are the details of a process, as far as they are known.
func (d *details) of(p *netstat.Process) *known {
	if k := d.known[p]; k != nil {
		return k
	}
	return &known{}
}

// age forgets processes that are not asked for any more.
func (d *details) age(now time.Time) {
	if len(d.known) < 4096 {
		return
	}
	for p, k := range d.known {
		if now.Sub(k.at) > 2*detailsLast {
			delete(d.known, p)
		}
	}
}

// want has looked up what the screen lacks: of the rows that are seen, and of the one whose details are shown.
func (m *Model) want() {
	if m.kind == Processes {
		m.wantProcesses()
	}
	if m.kind == Hosts && slices.Contains(m.page().names, "name") {
		for _, r := range m.seen() {
			m.wantName(r.remote())
		}
	}
	if r := m.current(); m.detail && r != nil {
		if p := r.process(); p != nil {
			m.wantDetails([]*netstat.Process{p})
		}
		m.wantName(r.remote())
	}
}

// wantProcesses has read the details of processes, which the tree is made of.
func (m *Model) wantProcesses() {
	list := make([]*netstat.Process, 0, len(m.stores[Processes].all))
	for _, r := range m.stores[Processes].all {
		if !r.gone() {
			list = append(list, r.Process)
		}
	}
	m.wantDetails(list)
}

// wantDetails has those read that are not known, or no longer sure.
func (m *Model) wantDetails(list []*netstat.Process) {
	if m.details.asking || m.opt.Details == nil {
		return
	}
	now := m.opt.Now()
	var ask []*netstat.Process
	for _, p := range list {
		if p == nil {
			continue
		}
		if k := m.details.known[p]; (k == nil || now.Sub(k.at) > detailsLast) && len(ask) < detailsBatch {
			ask = append(ask, p)
		}
	}
	if len(ask) == 0 {
		return
	}
	m.details.asking = true
	read := m.opt.Details
	m.do(func() func(*Model) {
		found := make([]*known, len(ask))
		for i, p := range ask {
			d, err := read(p)
			found[i] = &known{Details: d, err: err}
		}
		return func(m *Model) {
			m.details.asking = false
			for i, p := range ask {
				found[i].at = m.opt.Now()
				m.details.known[p] = found[i]
			}
			m.relist()
		}
	})
}

// userOf is the user of a process, by number where no names are wanted.
func (m *Model) userOf(p *netstat.Process) string {
	d := m.details.of(p)
	if n := m.opt.Names; d.User != "" && n.UserName == nil && n.OwnerUser == nil {
		return strconv.FormatUint(uint64(d.UID), 10)
	}
	return d.User
}

// unitOf is the process's unit, container or service.
func (m *Model) unitOf(p *netstat.Process) string {
	if p == nil {
		return ""
	}
	if p.Module != "" {
		return p.Module
	}
	return m.details.of(p).Module
}

// reverse are the names of hosts. They are looked up beside the screen, few at a time, those that are seen.
type reverse struct {
	names  map[netip.Addr]string
	asking int
}

const (
	reverseAtOnce  = 8
	reverseTimeout = 3 * time.Second
	maxReverse     = 20000
)

func (r *reverse) open() { r.names = make(map[netip.Addr]string) }

// name is the host's name; empty where it has none, or none is known yet.
func (r *reverse) name(a netip.Addr) string { return r.names[a.Unmap().WithZone("")] }

// wantName has the name of an address looked up, unless it was.
func (m *Model) wantName(a netip.Addr) {
	a = a.Unmap().WithZone("")
	if m.opt.Reverse == nil || !a.IsValid() || a.IsUnspecified() || m.reverse.asking >= reverseAtOnce {
		return
	}
	if _, asked := m.reverse.names[a]; asked {
		return
	}
	if len(m.reverse.names) >= maxReverse {
		clear(m.reverse.names)
	}
	m.reverse.names[a] = "" // also what it stays when there is no answer
	m.reverse.asking++
	look := m.opt.Reverse
	m.do(func() func(*Model) {
		ctx, cancel := context.WithTimeout(context.Background(), reverseTimeout)
		defer cancel()
		name, err := look(ctx, a)
		return func(m *Model) {
			m.reverse.asking--
			if err == nil {
				m.reverse.names[a] = strings.TrimSuffix(name, ".")
			}
		}
	})
}
