package history

import "time"

// seen notes that what is open refers to is still in use.
var seen = [...]string{
	"UPDATE host SET seen = max(seen, ?1) WHERE id IN (SELECT remote FROM live UNION SELECT local FROM live)",
	"UPDATE process SET seen = max(seen, ?1) WHERE id IN (SELECT process FROM live UNION SELECT o.process FROM live l JOIN owners o ON o.id = l.owners)",
	"UPDATE program SET seen = max(seen, ?1) WHERE id IN (SELECT program FROM live)",
}

// unused deletes what nothing refers to; each is a transaction. What was seen since the oldest of the lives ended may be one of
// theirs. Hosts in totals are those that totals by host alone have.
var unused = [...]string{
	"DELETE FROM owners WHERE ?1 AND id NOT IN (SELECT owners FROM connection WHERE owners != 0 UNION SELECT owners FROM live UNION SELECT owners FROM listener)",
	"DELETE FROM process WHERE seen < ?1 AND id NOT IN (SELECT process FROM owners)",
	"DELETE FROM host WHERE seen < ?1 AND id NOT IN (SELECT host FROM total WHERE host != 0)",
	"DELETE FROM program WHERE seen < ?1 AND id NOT IN (SELECT program FROM total UNION SELECT program FROM process)",
	"DELETE FROM place WHERE ?1 AND id NOT IN (SELECT place FROM host)",
}

// sweeping deletes what nothing refers to any more. Whatever lives refer to was seen when they were stored, or is now.
func (s *Store) sweeping(now time.Time) (all []chore) {
	s.swept = now
	all = append(all, func() (bool, error) { return true, s.write(background, (*batch).see) })
	for _, text := range unused {
		all = append(all, func() (bool, error) {
			return true, s.write(background, func(b *batch) error {
				oldest, err := b.oldest()
				if err == nil {
					_, err = b.exec(text, oldest)
				}
				b.store.dict = nil // what it remembers may be gone
				return err
			})
		})
	}
	return all
}

// see keeps what is open from being swept.
func (b *batch) see() error {
	for _, text := range seen {
		if _, err := b.exec(text, b.now); err != nil {
			return err
		}
	}
	return nil
}

// oldest is a time before which nothing was seen that lives which have ended, or news, refer to.
func (b *batch) oldest() (at int64, err error) {
	err = b.store.conn.QueryRowContext(b.ctx, `SELECT min(coalesce((SELECT closed FROM connection ORDER BY id LIMIT 1), ?1),
		coalesce((SELECT closed FROM listener ORDER BY id LIMIT 1), ?1), coalesce((SELECT time FROM news ORDER BY id LIMIT 1), ?1))`, b.now).Scan(&at)
	return at - 2*dictAge.Microseconds(), err // ids are remembered for so long without a note of it
}
