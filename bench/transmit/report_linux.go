package main

import (
	"fmt"
	"strings"
)

type report struct {
	Options *options `json:"-"`
	Time    string   `json:"time"`
	Machine string   `json:"machine"`
	Missing []string `json:"missing,omitempty"`
	Files   []result `json:"files,omitempty"`
	Packets []result `json:"packets,omitempty"`
}

type result struct {
	Case string `json:"case"`
	Rows []row  `json:"rows"`
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# TransmitFile and TransmitPackets\n\n%s. %s. Medians of %d runs of %.1f s each that take turns; the two ends have a processor each, and talk over loopback.\n",
		r.Time, r.Machine, r.Options.rounds, r.Options.seconds)
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "Left out, since it is not here: %s.\n", strings.Join(r.Missing, ", "))
	}
	for _, c := range r.Files {
		fmt.Fprintf(&b, "\n## Head of 200 B, file of %s B, tail of 100 B; %d connections\n\n"+
			"| server | answers/s | x io.Copy | CPU an answer, us | x io.Copy | CPU a GB, ms | packets an answer, both ways | from - to |\n"+
			"| --- | --- | --- | --- | --- | --- | --- | --- |\n", c.Case, r.Options.conns)
		for _, w := range c.Rows {
			w.print(&b, c.Rows[0], fmt.Sprintf(" %.0f | %.1f |", w.GB, w.Packs))
		}
	}
	for _, c := range r.Packets {
		fmt.Fprintf(&b, "\n## %s\n\n| sender | rounds/s | x %s | CPU a round, us | x %[2]s | from - to |\n| --- | --- | --- | --- | --- | --- |\n", upper(c.Case), c.Rows[0].Name)
		for _, w := range c.Rows {
			w.print(&b, c.Rows[0], "")
		}
	}
	return b.String()
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (w *row) print(b *strings.Builder, base row, more string) {
	if w.Rate == 0 {
		fmt.Fprintf(b, "| %s | failed: %s |\n", w.Name, w.Failed)
		return
	}
	least, most := w.Rates[0], w.Rates[0]
	for _, v := range w.Rates {
		least, most = min(least, v), max(most, v)
	}
	fmt.Fprintf(b, "| %s | %.0f | %.2f | %.1f | %.2f |%s %.0f - %.0f |\n", w.Name, w.Rate, w.Rate/base.Rate, w.CPU, w.CPU/base.CPU, more, least, most)
}
