package main

import (
	"fmt"
	"os"
	"time"
)

// How long a watcher has to begin, the load to become steady, and a watcher to tell of its end.
const (
	settle = 2 * time.Second
	steady = 2*time.Second + 200*time.Millisecond // the longest of the lifetimes, and then some
)

// cpuRow is what one watcher cost. Percentages of CPU are of one core.
type cpuRow struct {
	Name        string   `json:"name"`
	Seconds     float64  `json:"seconds,omitempty"`
	CPU         float64  `json:"cpu_percent,omitempty"`
	Start       float64  `json:"start_cpu_ms,omitempty"` // before the load begins
	RSS         float64  `json:"peak_rss_mib,omitempty"`
	Connections int      `json:"connections,omitempty"` // that opened and closed meanwhile
	Rate        float64  `json:"connections_per_s,omitempty"`
	Opened      *float64 `json:"opened_told_percent,omitempty"` // absent where the program does not tell
	Closed      *float64 `json:"closed_told_percent,omitempty"`
	Inferred    *float64 `json:"inferred_percent,omitempty"`
	Owned       *float64 `json:"owner_told_percent,omitempty"`
	Overflows   uint64   `json:"overflows,omitempty"`
	Lost        uint64   `json:"lost,omitempty"`
	Target      float64  `json:"target_cpu_percent,omitempty"`
	Ratio       float64  `json:"times_less,omitempty"` // than mainPeer
	TargetRatio float64  `json:"target_times_less,omitempty"`
	Absent      string   `json:"absent,omitempty"` // why it was not measured
}

func measureCPU(o options, l *load) (rows []cpuRow, err error) {
	for _, s := range subjects(o) {
		fmt.Fprintln(os.Stderr, "cpu:", s.name)
		row := cpuRow{Name: s.name, Target: s.target}
		if err := row.measure(o, l, s); err != nil {
			row.Absent = err.Error()
		}
		rows = append(rows, row)
	}
	compare(rows)
	return rows, nil
}

// measure starts the watcher while nothing opens or closes, so that what opens and closes later is known exactly.
func (row *cpuRow) measure(o options, l *load, s subject) error {
	w, err := start(s)
	if err != nil {
		return err
	}
	time.Sleep(settle)
	measured := row.window(o, l, s, w)
	time.Sleep(settle)
	_, peak := w.rss()
	row.RSS = mib(peak)
	t, err := w.end()
	if err != nil {
		return err
	}
	if s.learn != nil {
		row.tell(t, s)
	}
	return measured
}

// window measures the time in which the load is on.
func (row *cpuRow) window(o options, l *load, s subject, w running) error {
	started, err := w.cpu()
	if err != nil {
		return err
	}
	if err := l.churn(o.rate); err != nil {
		return err
	}
	time.Sleep(steady)
	d, spent, err := row.span(o, s, w)
	var calmErr error
	row.Connections, row.Rate, calmErr = l.calm()
	if err != nil {
		return err
	}
	row.Seconds, row.CPU = d.Seconds(), 100*float64(spent)/float64(d)
	if !s.repeat {
		row.Start = float64(started) / 1e6
	}
	return calmErr
}

func (row *cpuRow) span(o options, s subject, w running) (d, spent time.Duration, err error) {
	seconds := o.peerSeconds
	if s.target > 0 {
		seconds = o.seconds
	}
	before, err := w.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	time.Sleep(time.Duration(seconds) * time.Second)
	d = time.Since(began)
	after, err := w.cpu()
	return d, after - before, err
}

// tell compares what the watcher told with what there was: each connection is two sockets.
func (row *cpuRow) tell(t told, s subject) {
	percent := func(n uint64) *float64 {
		f := 50 * float64(n) / float64(max(row.Connections, 1))
		return &f
	}
	row.Opened, row.Closed, row.Overflows, row.Lost = percent(t.Opened), percent(t.Closed), t.Overflows, t.Lost
	if s.ours {
		row.Inferred, row.Owned = percent(t.Inferred), percent(t.Owned)
	}
}

// compare says how much less each took than the main peer.
func compare(rows []cpuRow) {
	peer := 0.0
	for _, r := range rows {
		if r.Name == mainPeer {
			peer = r.CPU
		}
	}
	for i := range rows {
		r := &rows[i]
		if r.Absent != "" || r.Name == mainPeer || r.CPU == 0 {
			continue
		}
		r.Ratio = peer / r.CPU
		if r.Target > 0 {
			r.TargetRatio = targetRatio
		}
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }
