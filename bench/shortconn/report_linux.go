package main

import (
	"fmt"
	"slices"
	"strings"
)

type report struct {
	Time     string   `json:"time"`
	Machine  string   `json:"machine"`
	Missing  []string `json:"missing,omitempty"`
	Accept   []row    `json:"accept,omitempty"`
	Reuse    []row    `json:"reuse,omitempty"`
	FastOpen *answers `json:"fast_open,omitempty"`
}

func (r *report) markdown(o *options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Short connections\n\n%s. %s. Medians of %d runs of %.1f s each that take turns; what is measured and the other side have a processor each, and talk over loopback: %d bytes to and fro on each connection.\n",
		r.Time, r.Machine, o.rounds, o.seconds, blockSize)
	for _, m := range r.Missing {
		fmt.Fprintf(&b, "Left out: %s.\n", m)
	}
	table(&b, fmt.Sprintf("Servers, %d clients at once", o.clients), "Go net", r.Accept)
	table(&b, "Clients, one connection after the other", "the same without", r.Reuse)
	if f := r.FastOpen; f != nil {
		fmt.Fprintf(&b, "\n## Connecting with data\n\nUntil the answer is there, on a link with a round trip of %.0f ms.\n\n| | ms |\n| --- | --- |\n| ConnectEx | %.1f |\n| ConnectEx by fast open | %.1f |\n",
			f.Trip, f.Plain, f.FastOpen)
	}
	return b.String()
}

func table(b *strings.Builder, title, base string, rows []row) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n| | CPU a connection, us | x %s | from - to | connections/s |\n| --- | --- | --- | --- | --- |\n", title, base)
	for _, w := range rows {
		fmt.Fprintf(b, "| %s | %.2f | %.2f | %.2f - %.2f | %.0f |\n", w.Name, w.CPU, w.CPU/rows[w.base].CPU, slices.Min(w.CPUs), slices.Max(w.CPUs), w.Rate)
	}
}
