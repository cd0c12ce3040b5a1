package history

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Grains of totals. They are by the calendar where the recorder runs; a start is 20261121 or 202611.
const (
	byDay   = 1
	byMonth = 2
	byPair  = 3 // months, of programs and hosts together
)

func dayOf(t time.Time) int64   { return int64(t.Year()*10000 + int(t.Month())*100 + t.Day()) }
func monthOf(t time.Time) int64 { return int64(t.Year()*100 + int(t.Month())) }

type totalKey struct{ grain, start, program, host int64 }

type sum struct{ rx, tx, opened, closed int64 }

// addition is what is to be added to the totals of a moment.
type addition struct {
	moment, program, remote int64
	host                    bool // remote is one
	sum
}

// add has it added with this batch, if there is anything.
func (r *recorder) add(a addition) {
	if a.sum != (sum{}) {
		r.more = append(r.more, a)
	}
}

// totalEvery is how often totals are written. A busy server's connections are with as many hosts, and the rows of these lie all over the
// table; until then what is to be added waits in a table of its own, at whose end it costs next to nothing, and in memory.
const totalEvery = time.Minute

// maxTotals bounds how many rows of totals wait.
const maxTotals = 100_000

// putTotals stores what is to be added, and adds it when it is time.
func (r *recorder) putTotals(b *batch, last bool) error {
	now := r.store.cfg.Now()
	if since := now.Sub(r.totaled); !last && since >= 0 && since < totalEvery && len(r.sums) < maxTotals {
		r.adding = false
		return b.pend(r.more)
	}
	r.adding = true
	all := maps.Clone(r.sums)
	for k, s := range all {
		whole := *s
		all[k] = &whole
	}
	for _, a := range r.more {
		all.add(now.Location(), a)
	}
	if err := b.addTotals(all); err != nil {
		return err
	}
	_, err := b.exec("DELETE FROM pending")
	return err
}

// added notes what was committed.
func (r *recorder) added() {
	now := r.store.cfg.Now()
	if r.adding {
		clear(r.sums)
		r.totaled = now
	} else {
		for _, a := range r.more {
			r.sums.add(now.Location(), a)
		}
	}
	r.more = r.more[:0]
}

func (b *batch) pend(all []addition) error {
	for _, a := range all {
		if _, err := b.exec("INSERT INTO pending(moment, program, remote, host, rx, tx, opened, closed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			a.moment, a.program, a.remote, a.host, a.rx, a.tx, a.opened, a.closed); err != nil {
			return err
		}
	}
	return nil
}

// pending reads what a recorder that was killed had not added.
func (s *Store) pending() (all totals, err error) {
	rows, err := s.conn.QueryContext(background, "SELECT moment, program, remote, host, rx, tx, opened, closed FROM pending")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all = make(totals)
	for rows.Next() {
		var a addition
		if err := rows.Scan(&a.moment, &a.program, &a.remote, &a.host, &a.rx, &a.tx, &a.opened, &a.closed); err != nil {
			return nil, err
		}
		all.add(s.cfg.Now().Location(), a)
	}
	return all, rows.Err()
}

// totals are by program (host 0), by host (program 0), and by month also by both, where 0 is what is not known. A table that
// is in the order of its key has the hosts of a program in a month beside each other.
type totals map[totalKey]*sum

// add adds to those of a moment; by host where there is one.
func (t totals) add(zone *time.Location, a addition) {
	at := time.UnixMicro(a.moment).In(zone)
	day, month := dayOf(at), monthOf(at)
	t.plus(totalKey{byDay, day, a.program, 0}, a.sum)
	t.plus(totalKey{byMonth, month, a.program, 0}, a.sum)
	t.plus(totalKey{byPair, month, a.program, a.remote}, a.sum)
	if a.host {
		t.plus(totalKey{byDay, day, 0, a.remote}, a.sum)
		t.plus(totalKey{byMonth, month, 0, a.remote}, a.sum)
	}
}

func (t totals) plus(k totalKey, more sum) {
	s := t[k]
	if s == nil {
		s = new(sum)
		t[k] = s
	}
	s.rx, s.tx, s.opened, s.closed = s.rx+more.rx, s.tx+more.tx, s.opened+more.opened, s.closed+more.closed
}

// beyond is what was not counted yet. What is counted at the end can be less than while it lived (see watch.Basis).
func beyond(all, counted uint64) int64 {
	if all < counted {
		return 0
	}
	return int64(all - counted)
}

// addTotals stores them in the order of the table, so that neighbours meet the same page.
func (b *batch) addTotals(t totals) error {
	for _, k := range slices.SortedFunc(maps.Keys(t), totalKey.compare) {
		s := t[k]
		_, err := b.exec(`INSERT INTO total(grain, start, program, host, rx, tx, opened, closed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET rx = rx + excluded.rx, tx = tx + excluded.tx, opened = opened + excluded.opened, closed = closed + excluded.closed`,
			k.grain, k.start, k.program, k.host, s.rx, s.tx, s.opened, s.closed)
		if err != nil {
			return err
		}
	}
	return nil
}

func (k totalKey) compare(l totalKey) int {
	return cmp.Or(cmp.Compare(k.grain, l.grain), cmp.Compare(k.start, l.start), cmp.Compare(k.program, l.program), cmp.Compare(k.host, l.host))
}
