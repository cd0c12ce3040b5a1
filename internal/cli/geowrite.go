package cli

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/view"
)

// geoRow is one answer: an address, or why there is none.
type geoRow struct {
	host string
	addr netip.Addr
	loc  *geoip.Location // nil: nothing is known
	err  error
}

// geoWriter writes answers. flush is called before the command waits.
type geoWriter interface {
	row(*geoRow) error
	flush() error
	close(partial []error) error
}

func (e *Env) geoWriter(f *geoFlags, streamed bool) (geoWriter, error) {
	format, err := f.format()
	if err != nil {
		return nil, err
	}
	if _, err := e.colored(&f.output); err != nil {
		return nil, err
	}
	if format != view.Table {
		opt := view.Options{Format: format, NoHeader: f.noHeader, Time: e.Now(), Host: e.Hostname()}
		return &geoObjects{view.NewObjects(e.Stdout, opt, "places"), streamed && format != view.JSON}, nil
	}
	return newGeoTable(e, streamed), nil
}

// geoObjects writes JSON and CSV.
type geoObjects struct {
	*view.Objects
	streamed bool
}

func (o *geoObjects) row(r *geoRow) error {
	loc := r.loc
	if loc == nil {
		loc = new(geoip.Location)
	}
	o.Begin()
	o.Text("host", r.host)
	o.Text("addr", addrText(r.addr))
	for _, f := range []struct{ name, text string }{
		{"country", loc.Country}, {"iso", loc.ISO}, {"region", loc.Region}, {"city", loc.City}, {"district", loc.District},
		{"isp", loc.ISP}, {"org", loc.Org},
	} {
		o.Text(f.name, f.text)
	}
	o.Uint("asn", uint64(loc.ASN), loc.ASN != 0)
	o.Degrees("latitude", loc.Latitude, loc.HasPosition)
	o.Degrees("longitude", loc.Longitude, loc.HasPosition)
	o.Text("range", rangeText(r.loc))
	o.Text("special", loc.Special)
	o.Text("via", viaText(loc))
	o.Text("inside", insideText(loc))
	o.Text("source", cmp.Or(loc.Source, loc.NetworkSource))
	o.Text("error", errorText(r.err))
	return o.End()
}

func (o *geoObjects) flush() error {
	if !o.streamed {
		return nil
	}
	return o.Flush()
}

func (o *geoObjects) close(partial []error) error { return o.Close(partial) }

// geoTable writes a line an answer, for people.
type geoTable struct {
	env      *Env
	grid     *view.Grid
	rows     [][]string
	streamed bool
	buf      []byte
}

// maxGeoRows is how many rows are laid out together at most. Later ones stand under them as long as they fit.
const maxGeoRows = 512

func newGeoTable(e *Env, streamed bool) *geoTable {
	cols := []view.GridColumn{
		{Header: "ADDRESS"}, {Header: "PLACE", Shrink: 42, Squeeze: 16}, {Header: "NETWORK", Shrink: 12, Drop: 1},
		{Header: "RANGE", Drop: 2}, {Header: "SOURCE", Drop: 3},
	}
	if streamed { // a first address need not be as long as those that follow
		for i, least := range []int{15, 24, 24, 18, 0} {
			cols[i].Least = least
		}
	}
	return &geoTable{env: e, grid: view.NewGrid(cols), streamed: streamed}
}

func (t *geoTable) row(r *geoRow) error {
	if r.err != nil {
		return nil // standard error has it
	}
	t.rows = append(t.rows, geoCells(r))
	if len(t.rows) < maxGeoRows {
		return nil
	}
	return t.write()
}

func (t *geoTable) flush() error {
	if !t.streamed {
		return nil
	}
	return t.write()
}

func (t *geoTable) close([]error) error { return t.write() }

func (t *geoTable) write() error {
	if len(t.rows) == 0 {
		return nil
	}
	width := 0
	if t.env.Terminal {
		width, _ = t.env.size()
	}
	t.buf = t.buf[:0]
	for _, line := range t.grid.Lines(t.rows, width, false) {
		t.buf = append(append(t.buf, line...), '\n')
	}
	t.rows = t.rows[:0]
	_, err := t.env.Stdout.Write(t.buf)
	return err
}

// geoCells are the texts of an answer. That nothing is known is a word, not a gap.
func geoCells(r *geoRow) []string {
	addr := addrText(r.addr)
	if r.host != "" {
		addr = r.host + " " + addr
	}
	if r.loc == nil {
		return []string{addr, "unknown", "", "", ""}
	}
	if inside := insideText(r.loc); inside != "" {
		addr += " (" + viaText(r.loc) + " " + inside + ")"
	}
	return []string{addr, placeText(r.loc), networkText(r.loc), rangeText(r.loc), cmp.Or(r.loc.Source, r.loc.NetworkSource)}
}

// placeText is the place from the large to the small. A special-purpose range is named where there is no place.
func placeText(loc *geoip.Location) string {
	place := joinNew(" · ", cmp.Or(loc.Country, loc.ISO), loc.Region, loc.City, loc.District)
	return view.CleanText(cmp.Or(place, loc.Special, "unknown"))
}

// networkText is who connects the address, who holds it, and the autonomous system.
func networkText(loc *geoip.Location) string {
	text := joinNew(", ", loc.ISP, loc.Org)
	if loc.ASN != 0 {
		text = strings.TrimSpace(text + " AS" + strconv.FormatUint(uint64(loc.ASN), 10))
	}
	return view.CleanText(text)
}

// joinNew joins the texts that are there and not the same as the one before.
func joinNew(between string, texts ...string) string {
	var kept []string
	for _, text := range texts {
		if text != "" && (len(kept) == 0 || kept[len(kept)-1] != text) {
			kept = append(kept, text)
		}
	}
	return strings.Join(kept, between)
}

// rangeText is the range that has this answer, as a prefix where it is one.
func rangeText(loc *geoip.Location) string {
	if loc == nil || !loc.First.IsValid() {
		return ""
	}
	if p, ok := loc.Prefix(); ok {
		return p.String()
	}
	return loc.First.String() + "-" + loc.Last.String()
}

func viaText(loc *geoip.Location) string {
	if loc.Via == geoip.Direct {
		return ""
	}
	return loc.Via.String()
}

// insideText is the address that was looked up where it is not the one that was asked for.
func insideText(loc *geoip.Location) string {
	if loc.Via == geoip.Direct {
		return ""
	}
	return addrText(loc.Addr)
}

// addrText is an address. A zone may hold anything.
func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return view.CleanText(a.String())
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return oneLine(err)
}
