package history

import (
	"context"
	"fmt"
	"time"
)

// tidyEvery is how often old things are looked for.
const tidyEvery = time.Minute

// chunk is how many rows are deleted at once: the log of writes has to hold them, and readers see no long pause.
const chunk = 20_000

var background = context.Background()

// Tidy deletes what is older than the limits say, or more than fits, and gives its room back to the system. Record does it
// every minute.
func (s *Store) Tidy(ctx context.Context) error {
	now := s.cfg.Now()
	for _, old := range s.tooOld(now) {
		if err := s.deleteAll(ctx, old); err != nil {
			return wrap("tidy", s.cfg.Path, err)
		}
	}
	if err := s.shrink(ctx); err != nil {
		return wrap("tidy", s.cfg.Path, err)
	}
	if now.Sub(s.swept) < 24*time.Hour && !now.Before(s.swept) {
		return nil
	}
	s.swept = now
	return wrap("tidy", s.cfg.Path, s.sweepDict(ctx))
}

// tooOld are deletions of at most a chunk each. Lives are stored in the order in which they ended, so the oldest have the
// lowest ids.
func (s *Store) tooOld(now time.Time) (all []string) {
	add := func(limit time.Duration, format string, value func(time.Time) int64) {
		if limit > 0 {
			all = append(all, fmt.Sprintf(format, value(now.Add(-limit)), chunk))
		}
	}
	l := s.cfg.Limits
	for _, table := range []string{"connection", "listener"} {
		add(l.Lives, "DELETE FROM "+table+" WHERE closed < %[1]d AND id IN (SELECT id FROM "+table+" ORDER BY id LIMIT %[2]d)", time.Time.UnixMicro)
	}
	add(l.Lives, "DELETE FROM gap WHERE time < %d -- %d", time.Time.UnixMicro)
	add(l.Lives, "DELETE FROM news WHERE time < %d -- %d", time.Time.UnixMicro)
	add(l.Months, "DELETE FROM known WHERE last < %d -- %d", time.Time.UnixMicro)
	add(l.Months, "DELETE FROM session WHERE alive < %d -- %d", time.Time.UnixMicro)
	const totals = "DELETE FROM total WHERE (grain, start, program, host) IN (SELECT grain, start, program, host FROM total WHERE grain = %d AND start < %%d LIMIT %%d)"
	add(l.Days, fmt.Sprintf(totals, byDay), dayOf)
	add(l.Months, fmt.Sprintf(totals, byMonth), monthOf)
	for _, g := range grains {
		kept := g.kept
		if kept == 0 {
			kept = l.Months
		}
		add(kept, fmt.Sprintf("DELETE FROM traffic WHERE (grain, interface, time) IN (SELECT t.grain, t.interface, t.time FROM interface i CROSS JOIN traffic t ON t.interface = i.id WHERE t.grain = %d AND t.time < %%d LIMIT %%d)", g.seconds), time.Time.Unix)
	}
	return all
}

// deleteAll runs a deletion until it finds less than a chunk.
func (s *Store) deleteAll(ctx context.Context, text string) error {
	for ctx.Err() == nil {
		n, err := s.delete(text)
		if err != nil || n < chunk {
			return err
		}
	}
	return nil
}

func (s *Store) delete(text string) (n int64, err error) {
	err = s.transact(background, func() error {
		r, err := s.conn.ExecContext(background, text)
		if err == nil {
			n, err = r.RowsAffected()
		}
		return err
	})
	return n, err
}

// shrink keeps the file below its size: in rounds it deletes the oldest tenth of what there is most of, and what only that
// referred to, until a tenth of the size is free; then it gives pages back.
func (s *Store) shrink(ctx context.Context) error {
	most := s.cfg.Limits.Size
	size, err := sizeOf(background, s.conn)
	if err != nil {
		return err
	}
	if most > 0 && size.file-size.free > most {
		for size.file-size.free > most/10*9 && ctx.Err() == nil {
			if n, err := s.deleteTenth(ctx); err != nil || n == 0 {
				return err
			}
			if size, err = sizeOf(background, s.conn); err != nil {
				return err
			}
		}
	}
	return s.vacuum(ctx, size, most)
}

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
	{80, "SELECT count(*) FROM known WHERE kind = 5", "DELETE FROM known WHERE (kind, who, what) IN (SELECT kind, who, what FROM known WHERE kind = 5 ORDER BY last LIMIT %d)"},
	{60, "SELECT count(*) FROM traffic", "DELETE FROM traffic WHERE (grain, interface, time) IN (SELECT grain, interface, time FROM traffic ORDER BY grain, time LIMIT %d)"},
}

// deleteTenth deletes a tenth of the largest hoard, and says how many rows.
func (s *Store) deleteTenth(ctx context.Context) (all int64, err error) {
	largest, rows := 0, int64(0)
	for i, h := range hoards {
		var n int64
		if err := s.conn.QueryRowContext(background, h.count).Scan(&n); err != nil {
			return 0, err
		}
		if n*h.bytes > rows*hoards[largest].bytes {
			largest, rows = i, n
		}
	}
	for left := (rows + 9) / 10; left > 0 && ctx.Err() == nil; left -= chunk {
		n, err := s.delete(fmt.Sprintf(hoards[largest].delete, min(left, chunk)))
		if err != nil {
			return all, err
		}
		all += n
	}
	return all, s.sweepDict(ctx)
}

// vacuum gives pages back that nothing needs, a few at a time. Some are kept for what comes, unless the file is too large.
func (s *Store) vacuum(ctx context.Context, size sizes, most int64) error {
	const few = 2000
	for size.free > size.file/4 && size.free > 4<<20 || most > 0 && size.file > most && size.free > 0 {
		if ctx.Err() != nil {
			return nil
		}
		rows, err := s.conn.QueryContext(background, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", few))
		if err != nil {
			return err
		}
		for rows.Next() { // each step gives a page back
		}
		if err := rows.Close(); err != nil {
			return err
		}
		before := size.file
		if size, err = sizeOf(background, s.conn); err != nil || size.file >= before {
			return err
		}
	}
	return nil
}

// sweepDict deletes what nothing refers to any more. Whatever lives refer to was seen when they were stored, or is now.
func (s *Store) sweepDict(ctx context.Context) error {
	return s.write(ctx, func(b *batch) error {
		for _, text := range []string{
			"UPDATE host SET seen = ?1 WHERE id IN (SELECT remote FROM live UNION SELECT local FROM live)",
			"UPDATE process SET seen = ?1 WHERE id IN (SELECT process FROM live UNION SELECT o.process FROM live l JOIN owners o ON o.id = l.owners)",
			"UPDATE program SET seen = ?1 WHERE id IN (SELECT program FROM live)",
			"DELETE FROM owners WHERE ?1 AND id NOT IN (SELECT owners FROM connection WHERE owners != 0 UNION SELECT owners FROM live UNION SELECT owners FROM listener)",
		} {
			if _, err := b.exec(text, b.now); err != nil {
				return err
			}
		}
		return b.sweepUnseen()
	})
}

func (b *batch) sweepUnseen() error {
	var oldest int64
	err := b.store.conn.QueryRowContext(b.ctx, `SELECT min(coalesce((SELECT closed FROM connection ORDER BY id LIMIT 1), ?1),
		coalesce((SELECT closed FROM listener ORDER BY id LIMIT 1), ?1), coalesce((SELECT time FROM news ORDER BY id LIMIT 1), ?1))`, b.now).Scan(&oldest)
	if err != nil {
		return err
	}
	oldest -= 2 * dictAge.Microseconds() // ids are remembered for so long without a note of it
	for _, text := range []string{
		"DELETE FROM process WHERE seen < ? AND id NOT IN (SELECT process FROM owners)",
		"DELETE FROM host WHERE seen < ? AND id NOT IN (SELECT host FROM total)",
		"DELETE FROM program WHERE seen < ? AND id NOT IN (SELECT program FROM total UNION SELECT program FROM process)",
	} {
		if _, err := b.exec(text, oldest); err != nil {
			return err
		}
	}
	_, err = b.exec("DELETE FROM place WHERE id NOT IN (SELECT place FROM host)")
	b.store.dict = nil // what it remembers may be gone
	return err
}
