package history

import (
	"cmp"
	"hash/fnv"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
)

// What many lives have in common is stored once, in tables of its own: programs, processes, places and hosts.

type program struct{ name, exe, unit string }

type process struct {
	program
	pid     int
	started int64
	cmdline string
	user    string
}

// processKey tells a process from others with the same id.
type processKey struct {
	program
	pid     int
	started int64
}

// hostKey tells remote hosts apart, and what was known of their place: a host that moves becomes another.
type hostKey struct {
	addr netip.Addr // IPv4 is mapped
	zone string
}

// place is the part of a geoip.Location that is kept.
type place struct {
	iso, country, region, city, district, isp, org string
	asn                                            uint32
	latitude, longitude                            float64
	positioned                                     bool
	special, source, network                       string
}

func placeOf(l *geoip.Location) place {
	return place{l.ISO, l.Country, l.Region, l.City, l.District, l.ISP, l.Org, l.ASN, l.Latitude, l.Longitude, l.HasPosition,
		l.Special, l.Source, l.NetworkSource}
}

func (p *place) location() *geoip.Location {
	return &geoip.Location{ISO: p.iso, Country: p.country, Region: p.region, City: p.city, District: p.district, ISP: p.isp, Org: p.org,
		ASN: p.asn, Latitude: p.latitude, Longitude: p.longitude, HasPosition: p.positioned, Special: p.special, Source: p.source,
		NetworkSource: p.network}
}

// dict remembers the ids of what was stored.
type dict struct {
	programs   map[program]int64
	processes  map[processKey]int64
	hosts      map[hostKey]host
	places     map[place]int64
	interfaces map[iface]int64
	owners     map[int64]bool
	known      map[finding]bool
}

// host is what is known of a stored one.
type host struct {
	id    int64
	place place
}

type iface struct {
	name  string
	netns uint64
	kind  string
}

func newDict() *dict {
	return &dict{make(map[program]int64), make(map[processKey]int64), make(map[hostKey]host), make(map[place]int64),
		make(map[iface]int64), make(map[int64]bool), make(map[finding]bool)}
}

// dictAge is for how long ids are remembered. When one is asked for anew, it is noted that it was seen. What was seen within
// twice as long cannot be swept: it should be little beside the least size that a file may be bounded to.
const dictAge = 5 * time.Minute

// maxDict bounds what is remembered, in entries of all kinds.
const maxDict = 200_000

func (d *dict) full() bool {
	return len(d.programs)+len(d.processes)+len(d.hosts)+len(d.places)+len(d.owners)+len(d.known) > maxDict
}

func (b *batch) program(p program) (int64, error) {
	if p == (program{}) {
		return 0, nil
	}
	if id, ok := b.dict.programs[p]; ok {
		return id, nil
	}
	id, err := b.id(`INSERT INTO program(name, exe, unit, seen) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET seen = excluded.seen RETURNING id`, p.name, p.exe, p.unit, b.now)
	b.dict.programs[p] = id
	return id, err
}

func (b *batch) process(p *process) (int64, error) {
	key := processKey{p.program, p.pid, p.started}
	if id, ok := b.dict.processes[key]; ok {
		return id, nil
	}
	prog, err := b.program(p.program)
	if err != nil {
		return 0, err
	}
	id, err := b.id(`INSERT INTO process(program, pid, started, cmdline, user, seen) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET seen = excluded.seen RETURNING id`, prog, p.pid, p.started, p.cmdline, p.user, b.now)
	b.dict.processes[key] = id
	return id, err
}

// ownerSet stores who owns a socket that several processes have; 0 where it is one or none. The id is made of the members',
// so that the same processes are the same set.
func (b *batch) ownerSet(all []*process) (int64, error) {
	if len(all) < 2 {
		return 0, nil
	}
	var ids []int64
	for _, p := range all {
		id, err := b.process(p)
		if err != nil {
			return 0, err
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	set := setID(slices.Compact(ids))
	if b.dict.owners[set] {
		return set, nil
	}
	for _, id := range ids {
		if _, err := b.exec("INSERT OR IGNORE INTO owners(id, process) VALUES (?, ?)", set, id); err != nil {
			return 0, err
		}
	}
	b.dict.owners[set] = true
	return set, nil
}

func setID(ids []int64) int64 {
	h := fnv.New64a()
	for _, id := range ids {
		for i := range 8 {
			h.Write([]byte{byte(id >> (8 * i))})
		}
	}
	return max(int64(h.Sum64()>>1), 1)
}

// host stores an address with its place; the zero Addr is 0.
func (b *batch) host(a netip.Addr) (host, error) {
	if !a.IsValid() {
		return host{}, nil
	}
	key := hostKey{netip.AddrFrom16(a.As16()), a.Zone()}
	if h, ok := b.dict.hosts[key]; ok {
		return h, nil
	}
	var h host
	var where int64
	if b.places != nil {
		if l := b.places(a); l != nil && l.Found() {
			h.place = placeOf(l)
			var err error
			if where, err = b.place(h.place); err != nil {
				return h, err
			}
		}
	}
	var err error
	h.id, err = b.id(`INSERT INTO host(addr, zone, place, seen) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET seen = excluded.seen RETURNING id`, blob(a), a.Zone(), where, b.now)
	b.dict.hosts[key] = h
	return h, err
}

func (b *batch) place(p place) (int64, error) {
	if id, ok := b.dict.places[p]; ok {
		return id, nil
	}
	id, err := b.id(`INSERT INTO place(iso, country, region, city, district, isp, org, asn, latitude, longitude, positioned, special, source, network)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET asn = excluded.asn RETURNING id`,
		p.iso, p.country, p.region, p.city, p.district, p.isp, p.org, p.asn, p.latitude, p.longitude, p.positioned, p.special, p.source, p.network)
	b.dict.places[p] = id
	return id, err
}

func (b *batch) iface(i iface) (int64, error) {
	if id, ok := b.dict.interfaces[i]; ok {
		return id, nil
	}
	id, err := b.id(`INSERT INTO interface(name, netns, kind) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET kind = excluded.kind RETURNING id`, i.name, int64(i.netns), i.kind)
	b.dict.interfaces[i] = id
	return id, err
}

// maxCmdline bounds a command line, in bytes: some are megabytes.
const maxCmdline = 4096

func cmdline(args []string) string {
	text := strings.Join(args, " ")
	return strings.ToValidUTF8(text[:min(len(text), maxCmdline)], "")
}

// compareAge puts processes in order: the one that began last stands for all, as in watch.Usage.
func compareAge(a, b *process) int {
	return cmp.Or(cmp.Compare(b.started, a.started), cmp.Compare(b.pid, a.pid))
}

// started is a process's beginning as it is stored, in milliseconds: the system's own figures for it are no finer.
func started(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
