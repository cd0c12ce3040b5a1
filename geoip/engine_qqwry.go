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

// shortcut makes lookups short. top has for each value of the upper 16 bits of an address the first record that begins
// there or later, and slots the place of each record that was looked up.
type shortcut struct {
	top   []uint32
	slots []atomic.Pointer[place]
}

func openQQWry(b []byte) (engine, error) {
	db, err := qqwry.Open(b)
	if err != nil {
		return nil, err
	}
	return &qqwryEngine{db: db, places: newCache(len(b))}, nil
}

func (e *qqwryEngine) find(a netip.Addr) (h hit, err error) {
	if !a.Is4() {
		return h, nil
	}
	b := a.As4()
	ip := binary.BigEndian.Uint32(b[:])
	i := e.search(ip)
	if i < 0 {
		return h, nil
	}
	return e.hit(i, ip)
}

// hit returns record i as the range of ip, which does not lie in it if the record ends before.
func (e *qqwryEngine) hit(i int, ip uint32) (h hit, err error) {
	_, last, err := e.db.Record(i)
	if err != nil || last < ip {
		return h, err
	}
	return hit{addr4(e.db.First(i)), addr4(last), uint64(i), true}, nil
}

func (e *qqwryEngine) search(ip uint32) int {
	s := e.short.Load()
	if s == nil {
		if e.asked.Add(1) == shortcutAfter {
			e.short.Store(e.newShortcut())
		}
		return e.db.Search(ip, 0, e.db.Len())
	}
	return e.db.Search(ip, int(s.top[ip>>16]), int(s.top[ip>>16+1]))
}

// newShortcut goes through the index once. Should a broken file's not be in order, the numbers still are, and lookups end.
func (e *qqwryEngine) newShortcut() *shortcut {
	n := e.db.Len()
	s := &shortcut{make([]uint32, 1<<16+1), make([]atomic.Pointer[place], n)}
	next := 0
	for i := range n {
		for top := int(e.db.First(i) >> 16); next <= top; next++ {
			s.top[next] = uint32(i)
		}
	}
	for ; next < len(s.top); next++ {
		s.top[next] = uint32(n)
	}
	return s
}

func (e *qqwryEngine) place(ref uint64) (*place, error) {
	s := e.short.Load()
	if s == nil {
		return e.decode(int(ref))
	}
	slot := &s.slots[ref]
	if p := slot.Load(); p != nil {
		return p, nil
	}
	p, err := e.decode(int(ref))
	if err == nil {
		slot.Store(p)
	}
	return p, err
}

func (e *qqwryEngine) decode(i int) (*place, error) {
	off, _, err := e.db.Record(i)
	if err != nil {
		return nil, err
	}
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
		h, err := e.hit(i, first)
		if err != nil {
			return err
		}
		if !h.found {
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
