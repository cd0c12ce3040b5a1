package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLearnEvent(t *testing.T) {
	var got told
	for _, line := range []string{
		`{"time":"2026-11-21T12:40:38.541128Z","event":"opened","source":"bpf","owners":[{"pid":7,"name":"a"}]}`,
		`{"time":"2026-11-21T12:40:38.545799Z","event":"closed","source":"bpf","owners":[{"pid":7,"name":"a"}],"lifetime_ms":4.4}`,
		`{"time":"2026-11-21T12:40:38.545799Z","event":"closed","source":"notice","owners":[],"inferred":true}`,
		`{"time":"2026-11-21T12:40:39.545799Z","event":"listener_vanished","source":"bpf","owners":[{"pid":7,"name":"a"}]}`,
		`{"time":"2026-11-21T12:40:40.545799Z","event":"overflow","source":"bpf","lost":12}`,
		`{"time":"2026-11-21T12:40:40.645799Z","event":"repaired","source":"poll"}`,
	} {
		learnEvent([]byte(line), &got)
	}
	want := told{Opened: 1, Closed: 2, Inferred: 1, Owned: 1, Overflows: 1, Lost: 12}
	if got != want {
		t.Errorf("told %+v, want %+v", got, want)
	}
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		values     []float64
		q1, q2, q3 float64
	}{
		{nil, 0, 0, 0},
		{[]float64{3}, 3, 3, 3},
		{[]float64{5, 1, 4, 2, 3}, 2, 3, 4},
	} {
		if a, b, d := quantile(c.values, 1), quantile(c.values, 2), quantile(c.values, 3); a != c.q1 || b != c.q2 || d != c.q3 {
			t.Errorf("quartiles of %v: %v %v %v, want %v %v %v", c.values, a, b, d, c.q1, c.q2, c.q3)
		}
	}
}

func TestCompare(t *testing.T) {
	rows := []cpuRow{{Name: mainPeer, CPU: 30}, {Name: "a", CPU: 0.5, Target: 1}, {Name: "b", CPU: 60}, {Name: "c", Absent: "why"}}
	compare(rows)
	if a, b := rows[1], rows[2]; a.Ratio != 60 || a.TargetRatio != targetRatio || b.Ratio != 0.5 || b.TargetRatio != 0 {
		t.Errorf("compared: %+v", rows)
	}
	if rows[0].Ratio != 0 || rows[3].Ratio != 0 {
		t.Errorf("the peer, or what was not measured, is compared: %+v", rows)
	}
}

// TestColumns holds that every row of the tables has as many columns as its head.
func TestColumns(t *testing.T) {
	half := 50.0
	r := report{
		CPU:    []cpuRow{{Name: "a", CPU: 1, Target: 1, Opened: &half, Closed: &half}, {Name: "b", Absent: "a | b\nc"}},
		Slow:   []slowRow{{Name: "a", Op: "o", Target: 1}, {Name: "b", Absent: "why"}},
		Memory: []memoryRow{{Name: "a", Quarters: []float64{1, 2, 3, 4}}, {Name: "b", Absent: "why"}},
	}
	head := 0
	for line := range strings.Lines(r.markdown()) {
		n := strings.Count(line, "|")
		switch {
		case n == 0:
			head = 0
		case head == 0:
			head = n
		case n != head:
			t.Errorf("%d of %d columns: %s", n, head, line)
		}
	}
}

// TestSum holds that growth is told from the medians of the quarters.
func TestSum(t *testing.T) {
	var row memoryRow
	row.sum([]float64{1, 9, 2, 10, 11, 8, 5, 5, 6, 12, 11, 4})
	if want := []float64{2, 10, 5, 11}; !slices.Equal(row.Quarters, want) || row.Growth < 9.99 || row.Growth > 10.01 || row.Peak != 12 {
		t.Errorf("quarters %v, growth %v, peak %v; want %v, 10, 12", row.Quarters, row.Growth, row.Peak, want)
	}
}

// TestBlock holds that a block lasts as long as asked, and tells the time of one operation.
func TestBlock(t *testing.T) {
	n := 0
	ns, err := block(30*time.Millisecond, 3, func(i int) error {
		if i != n {
			t.Errorf("operation %d is told that it is %d", n, i)
		}
		n++
		time.Sleep(time.Millisecond)
		return nil
	})
	if err != nil || n%3 != 0 || ns < 1e6 || ns > 1e8 {
		t.Errorf("%d operations of %v ns: %v", n, ns, err)
	}
}

// TestPulsar makes real connections.
func TestPulsar(t *testing.T) {
	p := pulsar{a: -1, b: -1}
	defer p.close()
	if err := p.open(); err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"connect", "send"} {
		if ns, err := p.do(what, "10ms"); err != nil || ns <= 0 {
			t.Errorf("%s: %v ns: %v", what, ns, err)
		}
	}
	if s, err := p.do("many", "300/2000"); err != nil || s < 0.12 {
		t.Errorf("many: %v s: %v", s, err)
	}
}
