package geoip

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/internal/geodat"
	"github.com/sockeye-net/sockeye/internal/ipdb"
)

// ipdbEngine finds addresses of an ipdb file.
type ipdbEngine struct {
	db       *ipdb.DB
	places   *cache
	language string
}

func openIPDB(b []byte, opt options) (engine, error) {
	db, err := ipdb.Open(b)
	if err != nil {
		return nil, err
	}
	return &ipdbEngine{db, newCache(len(b)), choose(db.Languages(), opt.languages, "EN")}, nil
}

// choose returns the best of the languages there are.
func choose(there, wanted []string, usual string) string {
	for _, l := range append(slices.Clone(wanted), usual) {
		if i := slices.IndexFunc(there, func(t string) bool { return strings.EqualFold(t, l) }); i >= 0 {
			return there[i]
		}
	}
	if len(there) == 0 {
		return ""
	}
	return there[0]
}

func (e *ipdbEngine) lookup(a netip.Addr) (h hit, err error) {
	var l geodat.Leaf
	switch {
	case a.Is4() && e.db.IPv4():
		b := a.As4()
		if l, err = e.db.Find4(b); err == nil {
			h.first, h.last = geodat.Range4(b, l.Bits)
		}
	case a.Is6() && e.db.IPv6():
		b := a.As16()
		if l, err = e.db.Find6(b); err == nil {
			h.first, h.last = geodat.Range6(b, l.Bits)
		}
	default:
		return noFamily, nil
	}
	if err == nil && !e.db.Empty(l) {
		h.place, err = e.place(l.Value)
	}
	return h, err
}

func (e *ipdbEngine) place(value uint32) (*place, error) {
	if p := e.places.get(uint64(value)); p != nil {
		return p, nil
	}
	values, err := e.db.Values(value, e.language)
	if err != nil {
		return nil, err
	}
	return e.places.put(uint64(value), ipdbPlace(e.db.Fields(), values)), nil
}

// ipdbPlace takes the fields by their names, which are those of ipip.net; files made from QQWry.dat have country and area.
func ipdbPlace(fields []string, values [][]byte) (p place) {
	v := make(map[string]string, len(fields))
	for i, name := range fields {
		v[name] = strings.TrimSpace(utf8Text(values[i]))
	}
	country := v["country_name"] + v["country"]
	if _, raw := v["area"]; raw || strings.Contains(country, dash) {
		return chinese(country, v["area"]+v["region_name"]+v["isp_domain"])
	}
	p.Region, p.City, p.District = v["region_name"], v["city_name"], v["district_name"]
	p.ISP, p.Org = v["isp_domain"], v["owner_domain"]
	p.position(v["latitude"], v["longitude"])
	n, _ := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(v["asn"]), "AS"), 10, 32)
	p.ASN = uint32(n)
	p.country(country, v["country_code"])
	return p
}

// position takes degrees that are texts.
func (p *place) position(latitude, longitude string) {
	lat, err1 := strconv.ParseFloat(latitude, 64)
	lon, err2 := strconv.ParseFloat(longitude, 64)
	p.setPosition(lat, lon, err1 == nil && err2 == nil)
}

// setPosition takes a position that can be one.
func (p *place) setPosition(lat, lon float64, known bool) {
	if known && lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180 {
		p.Latitude, p.Longitude, p.HasPosition = lat, lon, true
	}
}

func (e *ipdbEngine) each(yield func(hit) bool) error {
	w := walker{empty: e.db.Empty, place: e.place, yield: yield}
	if e.db.IPv4() {
		if more, err := w.end(e.db.Walk4(w.leaf4)); !more || err != nil {
			return err
		}
	}
	if e.db.IPv6() {
		_, err := w.end(e.db.Walk6(w.leaf6))
		return err
	}
	return nil
}

func (e *ipdbEngine) describe(i *Info) {
	i.HasIPv4, i.HasIPv6 = e.db.IPv4(), e.db.IPv6()
	i.Built, i.Languages, i.Type = e.db.Built(), e.db.Languages(), strings.Join(e.db.Fields(), ",")
}
