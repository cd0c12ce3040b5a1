package geoip

import (
	"encoding/binary"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/sockeye-net/sockeye/internal/geodat"
	"github.com/sockeye-net/sockeye/internal/qqwry"
)

// shortcutAfter is how many lookups are made before the shortcut is: making it costs as much as some thousand searches
// in a file that is not in the processor's cache, and a program that asks once does not want it.
const shortcutAfter = 256

// qqwryEngine finds addresses of a QQWry.dat. Each record has its range in it, so many records have the same texts; a
// place is known by where its texts are.
type qqwryEngine struct {
	db     *qqwry.DB
	places *cache
	asked  atomic.Uint32
	short  atomic.Pointer[shortcut]
}

// oneByOne is for how few records a search by halves does not pay.
const oneByOne = 16

// shortcut makes lookups short: it has beside each other what else lies in four corners of the file. top has for each
// value of the upper 16 bits of an address the first record that begins there or later.
type shortcut struct {
	top     []uint32
	records []shortRecord
}

// shortRecord is a record's first address, and the number of its place once that was looked up. A place is only kept here
// if the record ends where the next one begins, so that the end need not be read; which is so in all files, for all
// records. What takes the time is to fetch the record and the place from memory, so both are kept small.
type shortRecord struct {
	first uint32
	place atomic.Uint32
}

func openQQWry(b []byte) (engine, error) {
	db, err := qqwry.Open(b)
	if err != nil {
		return nil, err
	}
	return &qqwryEngine{db: db, places: newCache(len(b))}, nil
}

func (e *qqwryEngine) lookup(a netip.Addr) (h hit, err error) {
	if !a.Is4() {
		return noFamily, nil
	}
	b := a.As4()
	ip := binary.BigEndian.Uint32(b[:])
	if s := e.short.Load(); s != nil {
		return e.shortLookup(s, ip)
	}
	if e.asked.Add(1) == shortcutAfter {
		e.short.Store(e.newShortcut())
	}
	h, _, err = e.hit(e.db.Search(ip, 0, e.db.Len()), ip)
	return h, err
}

// quick finds what was looked up before, without reading the file.
func (e *qqwryEngine) quick(a netip.Addr) (h hit, ok bool) {
	s := e.short.Load()
	if s == nil || !a.Is4() {
		return h, false
	}
	b := a.As4()
	i := s.search(binary.BigEndian.Uint32(b[:]))
	if i < 0 {
		return h, false
	}
	r := &s.records[i]
	number := r.place.Load()
	if number == 0 {
		return h, false
	}
	return hit{first: addr4(r.first), last: addr4(s.before(i + 1)), place: e.places.at(number)}, true
}

func (e *qqwryEngine) shortLookup(s *shortcut, ip uint32) (hit, error) {
	i := s.search(ip)
	h, last, err := e.hit(i, ip)
	if h.place != nil && last == s.before(i+1) {
		s.records[i].place.Store(h.place.number)
	}
	return h, err
}

// search returns the last record that begins at ip or before, or -1. The last few, which lie in one or two lines of the
// processor's cache, are gone through one by one: so it can fetch them at once.
func (s *shortcut) search(ip uint32) int {
	lo, hi := int(s.top[ip>>16]), int(s.top[ip>>16+1])
	for hi-lo > oneByOne {
		m := int(uint(lo+hi) >> 1)
		if s.records[m].first <= ip {
			lo = m + 1
		} else {
			hi = m
		}
	}
	for lo < hi && s.records[lo].first <= ip {
		lo++
	}
	return lo - 1
}

// before returns the address before record i, or the last one of all.
func (s *shortcut) before(i int) uint32 {
	if i == len(s.records) {
		return ^uint32(0)
	}
	return s.records[i].first - 1
}

// hit returns record i for ip, which does not lie in it if the record ends before.
func (e *qqwryEngine) hit(i int, ip uint32) (h hit, last uint32, err error) {
	if i < 0 {
		return h, 0, nil
	}
	off, last, err := e.db.Record(i)
	first := e.db.First(i)
	if err != nil || last < ip || first > ip {
		return h, 0, err
	}
	p, err := e.decode(off)
	return hit{first: addr4(first), last: addr4(last), place: p}, last, err
}

// newShortcut goes through the index once. Should a broken file's not be in order, the numbers in top still are: what
// search finds begins at the address or before, and the next one behind it.
func (e *qqwryEngine) newShortcut() *shortcut {
	n := e.db.Len()
	s := &shortcut{make([]uint32, 1<<16+1), make([]shortRecord, n)}
	next := 0
	for i := range n {
		first := e.db.First(i)
		s.records[i].first = first
		for ; next <= int(first>>16); next++ {
			s.top[next] = uint32(i)
		}
	}
	for ; next < len(s.top); next++ {
		s.top[next] = uint32(n)
	}
	return s
}

// decode returns the place of the record at off.
func (e *qqwryEngine) decode(off int) (*place, error) {
	t, err := e.db.Text(off)
	if err != nil {
		return nil, err
	}
	key := uint64(t.Country)<<32 | uint64(t.Area)
	if p := e.places.get(key); p != nil {
		return p, nil
	}
	country, area, err := e.texts(t)
	if err != nil {
		return nil, err
	}
	return e.places.put(key, chinese(country, area)), nil
}

func (e *qqwryEngine) texts(t qqwry.Text) (country, area string, err error) {
	if country, err = e.text(t.Country); err != nil {
		return "", "", err
	}
	area, err = e.text(t.Area)
	return country, area, err
}

// text decodes GBK. What is not GBK becomes U+FFFD.
func (e *qqwryEngine) text(off int) (string, error) {
	b, err := e.db.Bytes(off)
	if err != nil {
		return "", err
	}
	if b, err = simplifiedchinese.GBK.NewDecoder().Bytes(b); err != nil {
		return "", geodat.Errorf(off, "text: %v", err)
	}
	return string(b), nil
}

func (e *qqwryEngine) each(yield func(hit) bool) error {
	for i := range e.db.Len() {
		first := e.db.First(i)
		if i > 0 && first <= e.db.First(i-1) {
			return geodat.Errorf(e.db.EntryOffset(i), "the index is not in order: %v", addr4(first))
		}
		h, _, err := e.hit(i, first)
		if err != nil {
			return err
		}
		if h.place == nil {
			return geodat.Errorf(e.db.EntryOffset(i), "the record of %v ends before it begins", addr4(first))
		}
		if !yield(h) {
			return nil
		}
	}
	return nil
}

// describe takes the version from the last record: "纯真网络" and "2024年10月16日IP数据".
func (e *qqwryEngine) describe(i *Info) {
	i.Ranges, i.HasIPv4 = e.db.Len(), true
	off, _, err := e.db.Record(e.db.Len() - 1)
	if err != nil {
		return
	}
	t, err := e.db.Text(off)
	if err != nil {
		return
	}
	if country, area, err := e.texts(t); err == nil {
		i.Version = strings.TrimSpace(clean(country) + " " + clean(area))
		i.Built = chineseDate(i.Version)
	}
}

// chineseDate finds a date like 2024年10月16日, or like 20241016.
func chineseDate(s string) time.Time {
	m := regexp.MustCompile(`(\d{4})年(\d{1,2})月(\d{1,2})日|(\d{4})(\d{2})(\d{2})`).FindStringSubmatch(s)
	if m == nil {
		return time.Time{}
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1] + m[i+4])
	}
	return time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
}

func addr4(ip uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)})
}
