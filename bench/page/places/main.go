// Command places makes an address database (MMDB) of made-up places, for the tests of the page and its pictures: which
// addresses are where stands in web/test/places.json. None of it is true.
//
//	go run ./bench/page/places web/test/places.json FILE
package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// place is a /24.
type place struct {
	Prefix, ISO, City, Org string
	Latitude, Longitude    float64
	ASN                    uint32
}

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: places PLACES.json FILE.mmdb"))
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	var all []place
	if err := json.Unmarshal(text, &all); err != nil {
		fail(fmt.Errorf("%s: %w", os.Args[1], err))
	}
	if err := os.WriteFile(os.Args[2], database(all), 0o644); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "places:", err)
	os.Exit(1)
}

func database(all []place) []byte {
	at := map[netip.Addr]place{}
	var rows []testdb.Row
	for _, p := range all {
		first := netip.MustParseAddr(p.Prefix + ".0")
		at[first] = p
		rows = append(rows, testdb.Row{First: first, Last: netip.MustParseAddr(p.Prefix + ".255")})
	}
	slices.SortFunc(rows, func(a, b testdb.Row) int { return a.First.Compare(b.First) })
	return testdb.MMDB(rows, 24, false, "Made-up-City", func(r testdb.Row) any {
		p := at[r.First]
		return map[string]any{"country_code": p.ISO, "city": p.City, "latitude": p.Latitude, "longitude": p.Longitude,
			"as_number": p.ASN, "as_name": p.Org}
	})
}
