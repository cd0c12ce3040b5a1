package history

import "fmt"

// hoards are the tables that grow, with what a row takes about (indexes and what it refers to included), how many there
// are, and how the oldest are deleted. Sums by program are few, and stay.
var hoards = [...]struct {
	bytes         int64
	count, delete string
}{
	{260, "SELECT coalesce(max(id) - min(id) + 1, 0) FROM connection", "DELETE FROM connection WHERE id IN (SELECT id FROM connection ORDER BY id LIMIT %d)"},
	{200, "SELECT count(*) FROM listener", "DELETE FROM listener WHERE id IN (SELECT id FROM listener ORDER BY id LIMIT %d)"},
	{60, "SELECT count(*) FROM total WHERE host != 0", "DELETE FROM total WHERE (grain, start, program, host) IN (SELECT grain, start, program, host FROM total WHERE host != 0 ORDER BY grain, start LIMIT %d)"},
	{90, "SELECT count(*) FROM news", "DELETE FROM news WHERE id IN (SELECT id FROM news ORDER BY id LIMIT %d)"},
	{80, "SELECT count(*) FROM known WHERE kind IN (2, 5)", "DELETE FROM known WHERE (kind, who, what) IN (SELECT kind, who, what FROM known WHERE kind IN (2, 5) ORDER BY last LIMIT %d)"},
	{60, "SELECT count(*) FROM traffic", "DELETE FROM traffic WHERE (grain, interface, time) IN (SELECT grain, interface, time FROM traffic ORDER BY grain, time LIMIT %d)"},
}

// round is how much of its bound a file that is too large gives up before it is looked at again: a 32nd.
const round = 32

// shrinking keeps the file below its size: in rounds it deletes the oldest of what there is most of, and then what only that
// referred to.
func (s *Store) shrinking() chore {
	r := &shrinkage{store: s}
	return r.step
}

// shrinkage is where it has got to.
type shrinkage struct {
	store    *Store
	deletion string
	left     int64 // rows of this round
	fruitful bool  // the round deleted some
	sweep    []chore
}

func (r *shrinkage) step() (done bool, err error) {
	switch {
	case r.left > 0:
		return false, r.delete()
	case len(r.sweep) > 0:
		if done, err = r.sweep[0](); done {
			r.sweep = r.sweep[1:]
		}
		return len(r.sweep) == 0 && !r.fruitful, err
	}
	most := r.store.cfg.Limits.Size
	size, err := sizeOf(background, r.store.conn)
	if err != nil || most <= 0 || size.file-size.free <= most {
		return true, err
	}
	r.fruitful = false
	r.deletion, r.left, err = r.store.largest(size.file - size.free - most + most/round)
	return r.left == 0, err
}

func (r *shrinkage) delete() error {
	n, err := r.store.delete(fmt.Sprintf(r.deletion, min(r.left, chunk)))
	r.fruitful = r.fruitful || n > 0
	if r.left -= n; n == 0 || r.left <= 0 {
		r.left, r.sweep = 0, r.store.sweeping(r.store.cfg.Now())
	}
	return err
}

// largest is how the oldest of the largest hoard are deleted, and how many of them take so many bytes.
func (s *Store) largest(bytes int64) (deletion string, rows int64, err error) {
	most := int64(0)
	for _, h := range hoards {
		var n int64
		if err := s.conn.QueryRowContext(background, h.count).Scan(&n); err != nil {
			return "", 0, err
		}
		if n*h.bytes > most {
			most, deletion, rows = n*h.bytes, h.delete, min(bytes/h.bytes+1, n/2+1)
		}
	}
	return deletion, rows, nil
}

// vacuum gives pages back that nothing needs, a few at a time. Some are kept for what comes, unless the file is too large.
func (s *Store) vacuum() (done bool, err error) {
	const few = 1000
	most := s.cfg.Limits.Size
	size, err := sizeOf(background, s.conn)
	if err != nil || size.free == 0 || (size.free <= size.file/4 || size.free <= 4<<20) && (most <= 0 || size.file <= most) {
		return true, err
	}
	rows, err := s.conn.QueryContext(background, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", few))
	if err != nil {
		return false, err
	}
	for rows.Next() { // each step gives a page back
	}
	if err := rows.Close(); err != nil {
		return false, err
	}
	after, err := sizeOf(background, s.conn)
	return after.file >= size.file, err
}
