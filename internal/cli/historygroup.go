package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

func groupColumns(by string) []view.GridColumn {
	cols := []view.GridColumn{{Header: strings.ToUpper(by), Shrink: 12}}
	if by == "host" || by == "country" || by == "asn" {
		cols = append(cols, view.GridColumn{Header: "PLACE", Shrink: 12})
	}
	return append(cols, view.GridColumn{Header: "RX", Right: true}, view.GridColumn{Header: "TX", Right: true}, view.GridColumn{Header: "CONNS", Right: true},
		view.GridColumn{Header: "OPEN", Right: true, Drop: 1}, view.GridColumn{Header: "FIRST", Drop: 3}, view.GridColumn{Header: "LAST", Drop: 2})
}

func (r *historyRun) writeGroups(ctx context.Context, s *sheet) error {
	by := history.ByProcess
	for by.String() != r.flags.by {
		by++
	}
	groups, totals, err := r.reader.Groups(ctx, r.query, by)
	if err != nil {
		return err
	}
	for i := range groups {
		g := &groups[i]
		if s.out != nil {
			err = r.groupObject(s, g, totals)
		} else {
			err = s.row(r.groupCells(s, g, totals)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *historyRun) groupCells(s *sheet, g *history.Group, totals bool) []string {
	cells := []string{cmp.Or(view.CleanText(g.Key), "(not known)")}
	if by := r.flags.by; by == "host" || by == "country" || by == "asn" {
		cells = append(cells, groupPlace(g.Place))
	}
	rx, tx := view.InBytes.Amount(float64(g.Bytes.Received)), view.InBytes.Amount(float64(g.Bytes.Sent))
	if g.Uncounted > 0 && g.Uncounted == g.Lives {
		rx, tx = "?", "?"
	}
	cells = append(cells, rx, tx, view.Count(float64(g.Lives)))
	if totals {
		return append(cells, "", "", "")
	}
	return append(cells, view.Count(float64(g.Open)), stamp(g.First, s.now), stamp(g.Last, s.now))
}

// groupPlace is what is known of a group's place.
func groupPlace(l *geoip.Location) string {
	if l == nil {
		return ""
	}
	var parts []string
	for _, part := range []string{l.ISO, cmp.Or(l.City, l.Region, l.Country), cmp.Or(l.ISP, l.Org), l.Special} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return view.CleanText(strings.Join(parts, " "))
}

func (r *historyRun) groupObject(s *sheet, g *history.Group, totals bool) error {
	o, l := s.out, g.Place
	if l == nil {
		l = new(geoip.Location)
	}
	o.Begin()
	o.Text("by", r.flags.by)
	o.Text("key", g.Key)
	if by := r.flags.by; by == "host" || by == "country" || by == "asn" {
		o.Text("country", l.Country)
		o.Text("iso", l.ISO)
		o.Text("city", l.City)
		o.Text("isp", l.ISP)
		o.Text("org", l.Org)
		o.Uint("asn", uint64(l.ASN), l.ASN != 0)
		o.Text("special", l.Special)
		o.Degrees("latitude", l.Latitude, l.HasPosition)
		o.Degrees("longitude", l.Longitude, l.HasPosition)
	}
	told := g.Uncounted == 0 || g.Uncounted < g.Lives
	o.Uint("rx_bytes", g.Bytes.Received, told)
	o.Uint("tx_bytes", g.Bytes.Sent, told)
	o.Uint("uncounted", g.Uncounted, !totals)
	o.Uint("connections", g.Lives, true)
	o.Uint("open", g.Open, !totals)
	o.Time("first", inZone(g.First, s.now))
	o.Time("last", inZone(g.Last, s.now))
	counts := "whole_connections"
	if totals {
		counts = "moved_in_time"
	}
	o.Text("counts", counts)
	return s.object()
}

// inZone leaves the zero Time what it is.
func inZone(t, now time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(now.Location())
}

var linkColumns = []view.GridColumn{{Header: "TIME"}, {Header: "INTERFACE"}, {Header: "RX/s", Right: true}, {Header: "TX/s", Right: true},
	{Header: "RX", Right: true}, {Header: "TX", Right: true}, {Header: "BAD", Right: true}}

// writeLinks shows slots of the length that the time asked for has not too many of, and that is still kept.
func (r *historyRun) writeLinks(ctx context.Context, s *sheet) error {
	length, now := time.Hour, r.env.Now()
	end := r.query.To
	if end.IsZero() || end.After(now) {
		end = now
	}
	switch from := r.query.From; {
	case end.Sub(from) <= 10*time.Minute && now.Sub(from) <= time.Hour:
		length = time.Second
	case end.Sub(from) <= 12*time.Hour && now.Sub(from) <= 31*24*time.Hour:
		length = time.Minute
	}
	return r.reader.Traffic(ctx, length, r.query.From, r.query.To, func(t *history.Traffic) error {
		if r.link != "" && cmp.Or(t.Interface, "total") != r.link {
			return nil
		}
		rate := func(bytes uint64) float64 { return float64(bytes) / max(t.Covered.Seconds(), 1e-6) }
		if s.out == nil {
			return s.row(stamp(t.Time, s.now), cmp.Or(view.CleanText(t.Interface), "total"), view.InBytes.Rate(rate(t.RxBytes)), view.InBytes.Rate(rate(t.TxBytes)),
				view.InBytes.Amount(float64(t.RxBytes)), view.InBytes.Amount(float64(t.TxBytes)), view.Count(float64(t.Bad)))
		}
		o := s.out
		o.Begin()
		o.Time("time", t.Time.In(s.now.Location()))
		o.Float("seconds", t.Length.Seconds(), true)
		o.Float("measured_s", t.Covered.Seconds(), true)
		o.True("total", t.Interface == "")
		o.Text("interface", t.Interface)
		o.Uint("netns", t.NetNS, t.NetNS != 0)
		o.Text("kind", t.Kind)
		o.Float("rx_bytes_per_s", rate(t.RxBytes), true)
		o.Float("tx_bytes_per_s", rate(t.TxBytes), true)
		o.Uint("rx_bytes", t.RxBytes, true)
		o.Uint("tx_bytes", t.TxBytes, true)
		o.Uint("rx_packets", t.RxPackets, true)
		o.Uint("tx_packets", t.TxPackets, true)
		o.Uint("bad_packets", t.Bad, true)
		return s.object()
	})
}
