package view

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/netstat"
)

func TestPlaceText(t *testing.T) {
	for _, c := range []struct {
		loc  geoip.Location
		want string
	}{
		{geoip.Location{Country: "China", ISO: "CN", Region: "Zhejiang", City: "Hangzhou", District: "Xihu", ISP: "China Telecom", ASN: 4134}, "CN Zhejiang Hangzhou, China Telecom AS4134"},
		{geoip.Location{Country: "中国", ISO: "CN", Region: "北京", City: "北京", Org: "CHINANET"}, "CN 北京, CHINANET"},
		{geoip.Location{Country: "Germany", ISO: "DE", ASN: 24940}, "DE Germany AS24940"},
		{geoip.Location{Country: "Somewhere", District: "North"}, "Somewhere North"},
		{geoip.Location{Country: "Somewhere"}, "Somewhere"},
		{geoip.Location{Region: "Zhejiang"}, "Zhejiang"},
		{geoip.Location{ASN: 13335}, "AS13335"},
		{geoip.Location{Org: "Cloudflare", ASN: 13335}, "Cloudflare AS13335"},
		{geoip.Location{Special: "Private-Use"}, "Private-Use"},
		{geoip.Location{Special: "AS112-v4", Org: "DNS-OARC", ASN: 112}, "AS112-v4, DNS-OARC AS112"},
		{geoip.Location{Special: "AMT", ISO: "US"}, "US"},
		{geoip.Location{ISO: "FR", Via: geoip.SixToFour}, "FR (6to4)"},
		{geoip.Location{ISO: "FR", Via: geoip.Mapped}, "FR"},
		{geoip.Location{City: "a\x1b[2J\u202eb"}, `a\x1b[2J\u202eb`},
		{geoip.Location{HasPosition: true, Latitude: 1}, ""},
	} {
		c.loc.Source = "test"
		n := &Names{Place: func(netip.Addr) *geoip.Location { return &c.loc }}
		if got := n.PlaceOf(netip.MustParseAddr("192.0.2.1")); got != c.want {
			t.Errorf("%+v\nis %q, want %q", c.loc, got, c.want)
		}
	}
}

// geoObject is the geo object of JSON, in its order.
type geoObject struct {
	Country   string   `json:"country,omitempty"`
	ISO       string   `json:"iso,omitempty"`
	Region    string   `json:"region,omitempty"`
	City      string   `json:"city,omitempty"`
	District  string   `json:"district,omitempty"`
	ISP       string   `json:"isp,omitempty"`
	Org       string   `json:"org,omitempty"`
	ASN       uint32   `json:"asn,omitempty"`
	Latitude  *float64 `json:"latitude,omitempty"`
	Longitude *float64 `json:"longitude,omitempty"`
	Special   string   `json:"special,omitempty"`
	Via       string   `json:"via,omitempty"`
	Source    string   `json:"source,omitempty"`
}

// objectOf is the geo object as JSON has it for a place.
func objectOf(t *testing.T, loc geoip.Location) (geoObject, string) {
	t.Helper()
	n := &Names{Place: func(netip.Addr) *geoip.Location { return &loc }}
	s := netstat.Socket{Proto: netstat.TCP, Remote: ap("192.0.2.1:443")}
	text := AppendJSON(nil, Columns("geo"), n, &s)
	var doc struct{ Geo geoObject }
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return doc.Geo, strings.TrimSuffix(strings.TrimPrefix(string(text), `{"geo":`), "}")
}

// TestGeoObject: the fields are those documented, in their order; what is not known is left out, and a known 0 is not.
func TestGeoObject(t *testing.T) {
	zero := 0.0
	for _, c := range []struct {
		loc  geoip.Location
		want geoObject
	}{
		{geoip.Location{Country: "c", ISO: "CN", Region: "r", City: "t", District: "d", ISP: "i", Org: "o", ASN: 1, HasPosition: true, Via: geoip.Teredo,
			Special: "s", Source: "qqwry", NetworkSource: "mmdb"},
			geoObject{"c", "CN", "r", "t", "d", "i", "o", 1, &zero, &zero, "s", "teredo", "qqwry"}},
		{geoip.Location{ASN: 7, NetworkSource: "mmdb"}, geoObject{ASN: 7, Source: "mmdb"}},
		{geoip.Location{ISO: "DE", Source: "xdb", HasPosition: true, Latitude: math.NaN(), Longitude: math.Inf(1)}, geoObject{ISO: "DE", Source: "xdb"}},
	} {
		got, text := objectOf(t, c.loc)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s, want %+v", text, c.want)
		}
		if again, _ := json.Marshal(got); string(again) != text {
			t.Errorf("%s is in another order than %s", text, again)
		}
	}
	if _, text := objectOf(t, geoip.Location{Source: "x", HasPosition: true, Latitude: -0.00001, Longitude: 179.123456}); text != `{"latitude":0,"longitude":179.1235,"source":"x"}` {
		t.Error(text)
	}
}

// TestGeoOfSockets: a place is that of the remote end, and a socket without one has none, in all forms of output.
func TestGeoOfSockets(t *testing.T) {
	var docs []map[string]any
	sockets := sampleSockets()
	for line := range strings.Lines(render(t, Options{Format: JSONL, Columns: SchemaColumns(Needs{Geo: true})}, sockets)) {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	records, err := csv.NewReader(strings.NewReader(render(t, Options{Format: CSV, Columns: FlatColumns(Needs{Geo: true})}, sockets))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	first := slices.Index(records[0], "geo_country")
	if names := strings.Join(records[0][first:], " "); names != "geo_country geo_iso geo_region geo_city geo_district geo_isp geo_org geo_asn geo_latitude geo_longitude geo_special geo_via geo_source" {
		t.Error(names)
	}
	for i, special := range []string{2: "Loopback", 5: "Link-Local Unicast", 8: ""} {
		geo, has := docs[i]["geo"].(map[string]any)
		if known := special != "" || i == 1 || i == 3; has != known {
			t.Errorf("socket %d has %v", i, docs[i]["geo"])
		}
		if got, _ := geo["special"].(string); got != special || records[i+1][first+10] != special {
			t.Errorf("socket %d is in %q and %q, want %q", i, got, records[i+1][first+10], special)
		}
	}
	if got := records[2][first : first+10]; !slices.Equal(got, []string{"中国", "CN", "浙江", `杭州\x1b[31m`, "", "电信", "China Telecom", "4134", "30.2937", "-120.1614"}) {
		t.Errorf("%q", got)
	}
	golden(t, "geo.txt", render(t, Options{Columns: Columns("proto", "state", "local", "remote", "place")}, sockets))
	for _, off := range []*Names{nil, {}} {
		if text := AppendJSON(nil, Columns("geo", "place", "country", "asn"), off, &sockets[1]); string(text) != "{}" {
			t.Errorf("without databases: %s", text)
		}
	}
}

// TestGeoTextIsClean: what a database says is as untrusted as a process's name.
func TestGeoTextIsClean(t *testing.T) {
	const evil = "\x1b]0;x\a\u009b2J\u202e\r\n\x00\x7f\xff,\""
	loc := geoip.Location{Country: evil, ISO: evil, Region: evil, City: evil, District: evil, ISP: evil, Org: evil, Special: evil, Source: evil}
	names := &Names{Place: func(netip.Addr) *geoip.Location { return &loc }}
	var cols []string
	for _, c := range append(geoColumns(), Columns("place", "geo")...) {
		cols = append(cols, c.Name)
	}
	for _, f := range []Format{Table, JSON, JSONL, CSV} {
		text := render(t, Options{Format: f, Names: names, Columns: Columns(cols...)}, sampleSockets()[1:2])
		for _, r := range text {
			if r != '\n' && (r != '\r' || f != CSV) && !unicode.IsPrint(r) {
				t.Errorf("format %d lets %U through: %q", f, r, text)
			}
		}
	}
}

// TestNarrowPlace: with places, 80 cells are enough, also with all other columns; ports, states and process ids stay, and
// while there is room a place stays too.
func TestNarrowPlace(t *testing.T) {
	sockets := sampleSockets()[:4]
	for _, more := range []string{"", "user", "netns type user inode cookie module rx_bytes tx_bytes rtt_us retrans cwnd"} {
		cols := Columns(append(strings.Fields(more), "proto", "state", "recv_q", "send_q", "local", "remote", "place", "owners")...)
		for width := 80; width < 200; width += 5 {
			text := render(t, Options{Columns: cols, Width: width}, sockets)
			for line := range strings.Lines(text) {
				if n := textWidth([]byte(strings.TrimSuffix(line, "\n"))); n > width {
					t.Fatalf("%s: %d cells of %d: %s", more, n, width, line)
				}
			}
			if !strings.Contains(text, "ESTABLISHED") || !strings.Contains(text, ":51000") || !strings.Contains(text, "[4243]") {
				t.Errorf("width %d:\n%s", width, text)
			}
			if more == "" && !strings.Contains(text, "PLACE") {
				t.Errorf("no place in %d cells:\n%s", width, text)
			}
		}
	}
	if text := render(t, Options{Columns: Columns("proto", "state", "local", "remote", "place"), Width: 20, Fixed: true}, sockets); !strings.Contains(text, "PLACE") {
		t.Error("a column that was asked for is left out")
	}
}

// TestPlacesTakeTurns: addresses share slots, and each is answered with its own place all the same; sorting asks for
// each once.
func TestPlacesTakeTurns(t *testing.T) {
	asked := 0
	var loc geoip.Location
	names := &Names{Place: func(a netip.Addr) *geoip.Location {
		asked++
		b := a.As4()
		loc = geoip.Location{City: a.String(), ASN: 1 + uint32(b[1])<<16 + uint32(b[2])<<8 + uint32(b[3]), Source: "x"}
		if b[3] == 7 {
			return nil
		}
		return &loc
	}}
	const many = 3 * placeSlots
	sockets := make([]netstat.Socket, many)
	for i := range sockets {
		sockets[i].Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{1, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
	}
	for _, i := range rand.Perm(many) {
		s := &sockets[i]
		if n, known := partNumberOf(names, s); known && n != i+1 || known == (byte(i) == 7) {
			t.Fatalf("%v: %d, %v", s.Remote, n, known)
		}
		if got := names.PlaceOf(s.Remote.Addr()); got != "" && !strings.HasPrefix(got, s.Remote.Addr().String()+" AS") {
			t.Fatalf("%v is in %s", s.Remote, got)
		}
	}
	o, _, _ := ParseOrder("-asn", names)
	asked = 0
	sorted := o.Sort(sockets)
	if asked > many {
		t.Errorf("asked %d times for %d addresses", asked, many)
	}
	var last *netstat.Socket
	for _, s := range sorted {
		if last != nil && o.Compare(last, s) > 0 || last == s {
			t.Fatalf("%v before %v", last.Remote, s.Remote)
		}
		last = s
	}
}

// partNumberOf is the number that the column asn shows.
func partNumberOf(n *Names, s *netstat.Socket) (int, bool) {
	text := string(Columns("asn")[0].Append(n, nil, s))
	number, _ := strconv.Atoi(text)
	return number, n.placeOf(s) != nil
}

// TestCompareInOneSlot: two addresses that share a slot are compared by their own places.
func TestCompareInOneSlot(t *testing.T) {
	var b placeBook
	first := netip.MustParseAddr("1.0.0.1")
	second := first.Next()
	for b.slot(second) != b.slot(first) {
		second = second.Next()
	}
	names := &Names{Place: func(a netip.Addr) *geoip.Location { return &geoip.Location{City: a.String(), Source: "x"} }}
	x, y := &netstat.Socket{Remote: netip.AddrPortFrom(first, 1)}, &netstat.Socket{Remote: netip.AddrPortFrom(second, 1)}
	o, _, _ := ParseOrder("city", names)
	if want := strings.Compare(first.String(), second.String()); o.Compare(x, y) != want || o.Compare(y, x) != -want || o.Compare(x, x) != 0 {
		t.Errorf("%v and %v: %d, %d", first, second, o.Compare(x, y), o.Compare(y, x))
	}
}

func TestSortByPlace(t *testing.T) {
	sockets := sampleSockets()
	for list, want := range map[string][]int{"country": {3, 1}, "iso": {1, 3}, "-iso": {3, 1}, "asn": {1, 3}, "-asn": {3, 1}, "place": {1, 3}, "-geo": {3, 1}, "latitude": {3, 1}} {
		o, needs, err := ParseOrder(list, sampleNames())
		if err != nil || !needs.Geo {
			t.Fatalf("%s: %+v %v", list, needs, err)
		}
		var order []int
		for _, s := range o.Sort(sockets) {
			for _, i := range want {
				if s == &sockets[i] {
					order = append(order, i)
				}
			}
		}
		if !slices.Equal(order, want) {
			t.Errorf("%s gives %v, want %v", list, order, want)
		}
	}
}

func TestPlacesDoNotAllocate(t *testing.T) {
	f, err := ParseFilter("country = germany or special = private or asn > 5 or city ~ ^杭州$ or region = x", sampleNames())
	if err != nil {
		t.Fatal(err)
	}
	sockets := sampleSockets()
	matching0(f, sockets)
	if n := testing.AllocsPerRun(100, func() { matching0(f, sockets) }); n != 0 {
		t.Errorf("Match: %v allocations", n)
	}
	names := sampleNames()
	o, _, _ := ParseOrder("place", names)
	if n := testing.AllocsPerRun(100, func() { o.Compare(&sockets[1], &sockets[3]) }); n != 0 {
		t.Errorf("Compare: %v allocations", n)
	}
	for _, format := range []Format{Table, JSON, JSONL, CSV} {
		w := NewWriter(io.Discard, Options{Format: format, Names: names, Columns: Columns(ColumnNames()...)})
		for range layoutRows + 200 {
			w.Row(&sockets[1])
			w.Row(&sockets[2])
		}
		if n := testing.AllocsPerRun(1000, func() { w.Row(&sockets[1]); w.Row(&sockets[2]) }); n != 0 {
			t.Errorf("format %d: %v allocations", format, n)
		}
	}
}

func TestIsPrint(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if isPrint(r) != strconv.IsPrint(r) {
			t.Fatalf("%U", r)
		}
	}
}
