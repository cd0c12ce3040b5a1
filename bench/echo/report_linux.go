package main

import (
	"fmt"
	"strings"
)

type report struct {
	Options *options  `json:"-"`
	Time    string    `json:"time"`
	Machine string    `json:"machine"`
	Missing []string  `json:"missing,omitempty"`
	Cases   []result  `json:"cases"`
	Conns   int       `json:"idle_connections,omitempty"`
	Idle    []idleRow `json:"idle,omitempty"`
}

type result struct {
	load
	Rows []row `json:"rows"`
}

func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Echo\n\n%s. %s. Medians of %d runs of %.1f s each that take turns; server and client have a processor each, and talk over loopback.\n",
		r.Time, r.Machine, r.Options.rounds, r.Options.seconds)
	if len(r.Missing) > 0 {
		fmt.Fprintf(&b, "Left out, since they could not be built here: %s.\n", strings.Join(r.Missing, ", "))
	}
	for _, c := range r.Cases {
		fmt.Fprintf(&b, "\n## %d connections, %d bytes\n\n| server | requests/s | x Go net | CPU a request, us | x Go net | p50, us | p99, us | from - to |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n", c.Conns, c.Size)
		base := c.Rows[0]
		for _, w := range c.Rows {
			w.print(&b, base)
		}
	}
	if len(r.Idle) > 0 {
		fmt.Fprintf(&b, "\n## %d idle connections\n\nResident anonymous memory, beside what the server had after a run on ten connections, which has used its pool.\n\n"+
			"| server | bytes a connection |\n| --- | --- |\n", r.Conns)
	}
	for _, w := range r.Idle {
		fmt.Fprintf(&b, "| %s | %d%s |\n", w.Name, w.Bytes, w.Failed)
	}
	return b.String()
}

func (w *row) print(b *strings.Builder, base row) {
	if w.Rate == 0 {
		fmt.Fprintf(b, "| %s | failed: %s | | | | | | |\n", w.Name, w.Failed)
		return
	}
	least, most := w.Rates[0], w.Rates[0]
	for _, v := range w.Rates {
		least, most = min(least, v), max(most, v)
	}
	fmt.Fprintf(b, "| %s | %.0f | %.2f | %.2f | %.2f | %.0f | %.0f | %.0f - %.0f |\n",
		w.Name, w.Rate, w.Rate/base.Rate, w.CPU, w.CPU/base.CPU, w.P50, w.P99, least, most)
}
