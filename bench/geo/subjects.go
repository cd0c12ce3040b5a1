package main

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/sockeye-net/sockeye/geoip"
)

// subject is a reader with its file open. lookup returns how many bytes of text it got, so that nothing is left out as
// unused.
type subject struct {
	name   string
	lookup func(netip.Addr) (int, error)
}

var errNothing = errors.New("nothing was found")

// subjects are the readers of a format that are part of this program.
func subjects(f file) ([]subject, error) {
	db, err := geoip.Open(f.path)
	if err != nil {
		return nil, err
	}
	ours := subject{"geoip", func(a netip.Addr) (int, error) {
		l, err := db.Lookup(a)
		return len(l.Country) + len(l.City), err
	}}
	switch f.format {
	case "qqwry":
		plain, err := plainReader(f.path)
		return []subject{ours, plain}, err
	case "mmdb":
		own, err := libraryReader(f.path)
		return []subject{ours, own}, err
	}
	return []subject{ours}, nil
}

// libraryReader is maxminddb itself, decoding what geoip tells into a struct, as its documentation does.
func libraryReader(path string) (subject, error) {
	r, err := maxminddb.Open(path)
	return subject{"maxminddb-golang v2.9.0, into a struct", func(a netip.Addr) (int, error) {
		var v struct {
			Country struct {
				ISO   string `maxminddb:"iso_code"`
				Names struct {
					English string `maxminddb:"en"`
				} `maxminddb:"names"`
			} `maxminddb:"country"`
			City struct {
				Names struct {
					English string `maxminddb:"en"`
				} `maxminddb:"names"`
			} `maxminddb:"city"`
			Subdivisions []struct {
				Names struct {
					English string `maxminddb:"en"`
				} `maxminddb:"names"`
			} `maxminddb:"subdivisions"`
			Location struct {
				Latitude  float64 `maxminddb:"latitude"`
				Longitude float64 `maxminddb:"longitude"`
			} `maxminddb:"location"`
		}
		err := r.Lookup(a).Decode(&v)
		return len(v.Country.Names.English) + len(v.City.Names.English), err
	}}, err
}

// plainReader is how QQWry.dat is usually read: the file in memory, a search by halves, and GBK decoded each time.
func plainReader(path string) (subject, error) {
	b, err := os.ReadFile(path)
	p := plain(b)
	return subject{"a reader that decodes GBK each time", p.lookup}, err
}

type plain []byte

func (b plain) u24(p int) int { return int(b[p]) | int(b[p+1])<<8 | int(b[p+2])<<16 }

func (b plain) lookup(a netip.Addr) (int, error) {
	q := a.As4()
	ip := binary.BigEndian.Uint32(q[:])
	first, last := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:]))
	lo, hi := 0, (last-first)/7+1
	for lo < hi {
		if m := (lo + hi) / 2; binary.LittleEndian.Uint32(b[first+7*m:]) <= ip {
			lo = m + 1
		} else {
			hi = m
		}
	}
	if lo == 0 {
		return 0, errNothing
	}
	p := b.u24(first+7*(lo-1)+4) + 4
	if b[p] == 1 {
		p = b.u24(p + 1)
	}
	country, p, err := b.text(p)
	if err != nil {
		return 0, err
	}
	area, _, err := b.text(p)
	return len(country) + len(area), err
}

func (b plain) text(p int) (string, int, error) {
	next := p + 4
	jumped := b[p] == 1 || b[p] == 2
	for b[p] == 1 || b[p] == 2 {
		if p = b.u24(p + 1); p == 0 {
			return "", next, nil
		}
	}
	end := p
	for b[end] != 0 {
		end++
	}
	if !jumped {
		next = end + 1
	}
	s, err := simplifiedchinese.GBK.NewDecoder().Bytes(b[p:end])
	return string(s), next, err
}
