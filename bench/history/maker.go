package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// maker is a source of connections: 40 programs, of which a few make most; ports 443, 80, 22 and others; lives from
// milliseconds to days. Its clock goes as fast as it is asked.
type maker struct {
	random *rand.Rand
	now    time.Time
	step   time.Duration
	each   int // connections a step
	left   int // connections
	hosts  int // how many there are; 0: each connection has one of its own
	number uint64
	procs  []*netstat.Process
	report watch.Report
	open   int // connections that are there at the end
	last   []watch.Event
}

func newMaker(seed uint64, begin time.Time, step time.Duration, each, n, hosts int) *maker {
	m := &maker{random: rand.New(rand.NewPCG(seed, 7)), now: begin, step: step, each: each, left: n, hosts: hosts}
	for i := range 40 {
		m.procs = append(m.procs, &netstat.Process{PID: 1000 + i, Name: fmt.Sprint("p", i), Module: fmt.Sprintf("p%d.service", i), Started: begin})
	}
	return m
}

// Flows are what is open at the end.
func (m *maker) Flows(yield func(*watch.Flow) bool) {
	if m.left > 0 {
		return
	}
	if len(m.last) < m.open {
		m.report.Events = nil
		for range m.open {
			m.connection()
		}
		m.last = m.report.Events
	}
	for i := range m.last {
		e := &m.last[i]
		if !yield(&watch.Flow{Socket: &e.Socket, Since: e.Since, Total: e.Bytes}) {
			return
		}
	}
}

// Next tells of connections when they end: recording one costs the same however long it lived, unless it is still open.
func (m *maker) Next(context.Context) (*watch.Report, error) {
	if m.left <= 0 {
		return nil, watch.ErrClosed
	}
	m.now = m.now.Add(m.step)
	m.report.Events, m.report.Time, m.report.Elapsed = m.report.Events[:0], m.now, m.step
	for range min(m.each, m.left) {
		m.connection()
	}
	m.listener()
	m.left -= m.each
	return &m.report, nil
}

func (m *maker) connection() {
	m.number++
	host := int(m.number)
	if m.hosts > 0 {
		host = int(math.Pow(m.random.Float64(), 3) * float64(m.hosts)) // some are met often
	}
	remote := netip.AddrFrom4([4]byte{100, 64 + byte(host>>16&63), byte(host >> 8), byte(host)})
	p := m.procs[int(math.Pow(m.random.Float64(), 2)*float64(len(m.procs)))]
	port := [...]uint16{443, 443, 443, 80, 22, 8443, 5432, 53}[m.random.IntN(8)]
	s := netstat.Socket{Proto: netstat.TCP, State: netstat.Established, Cookie: m.number, NetNS: 1, HasUID: true,
		Local: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(32768+m.number%28000)), Remote: netip.AddrPortFrom(remote, port),
		Owners: []netstat.Owner{{Process: p}}}
	life := time.Duration(math.Exp(m.random.NormFloat64()*3) * float64(time.Second))
	end := m.now.Add(-time.Duration(m.random.Int64N(int64(m.step))))
	m.report.Events = append(m.report.Events, watch.Event{Kind: watch.Closed, Source: watch.FromBPF, Time: end, Since: end.Add(-life), Socket: s,
		OwnerFrom: watch.OwnerActed, Bytes: watch.Bytes{Sent: uint64(m.random.IntN(1e4)), Received: uint64(m.random.IntN(1e6)), Basis: watch.FromTCPInfo}})
}

func (m *maker) listener() {
	m.number++
	s := netstat.Socket{Proto: netstat.TCP, State: netstat.Listen, Cookie: m.number, NetNS: 1, Owners: []netstat.Owner{{Process: m.procs[m.random.IntN(40)]}},
		Local: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(m.random.IntN(1000))), Remote: netip.AddrPortFrom(netip.IPv4Unspecified(), 0)}
	m.report.Events = append(m.report.Events, watch.Event{Kind: watch.ListenerVanished, Source: watch.FromBPF, Time: m.now, Since: m.now.Add(-time.Hour), Socket: s})
}

func places(a netip.Addr) *geoip.Location {
	b := a.As16()
	b2, b3 := b[14], b[15]
	return &geoip.Location{Addr: a, ISO: string([]byte{'A' + b3%20, 'A' + b2%10}), Country: fmt.Sprint("country ", b3%20), ASN: 64500 + uint32(b2), Source: "made"}
}

func details(p *netstat.Process) (netstat.Details, error) {
	return netstat.Details{Exe: "/usr/bin/" + p.Name, Args: []string{p.Name, "--serve"}, User: "made"}, nil
}

// record runs a maker into a file.
func record(path string, m *maker) error {
	s, err := history.Open(history.Config{Path: path, Now: func() time.Time { return m.now }, Limits: history.Limits{Size: -1}})
	if err != nil {
		return err
	}
	err = history.Record(context.Background(), s, history.Recording{Sockets: m, Places: places, Details: details})
	if errors.Is(err, watch.ErrClosed) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

// fill makes a month of connections, that ends in the afternoon of the month's last day, with 10,000 that are still open. The
// indexes are made at the end: that takes a fraction of the time, and they are the same but for being packed more closely.
func fill(path string, seed uint64, n int) (end time.Time, err error) {
	begin, end := monthOf(2026, 10)
	const each = 50_000
	m := newMaker(seed, begin, end.Sub(begin)/time.Duration(max(n/each, 1)), each, n, 50_000)
	if err := record(path, newMaker(seed, begin, time.Second, 1, 1, 1)); err != nil { // which makes the file
		return end, err
	}
	indexes, err := dropIndexes(path)
	if err != nil {
		return end, err
	}
	m.open = 10_000
	if err := record(path, m); err != nil {
		return end, err
	}
	return end, execute(path, indexes)
}

func monthOf(year int, month time.Month) (begin, end time.Time) {
	begin = time.Date(year, month, 1, 0, 0, 0, 0, time.Local)
	return begin, begin.AddDate(0, 1, 0).Add(-8 * time.Hour)
}

// dropIndexes drops those of the connections, and says how they are made again.
func dropIndexes(path string) (again []string, err error) {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query("SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'connection' AND sql NOT LIKE '% WHERE %'")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var drops []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		drops, again = append(drops, "DROP INDEX "+name), append(again, text)
	}
	return again, errors.Join(rows.Err(), rows.Close(), execute(path, drops))
}

func execute(path string, all []string) error {
	db, err := sql.Open("sqlite", path+"?_pragma=cache_size(-262144)")
	if err != nil {
		return err
	}
	defer db.Close()
	for _, text := range all {
		if _, err := db.Exec(text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}
