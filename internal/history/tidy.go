package history

import (
	"context"
	"fmt"
	"time"
)

// tidyEvery is how often old things are looked for.
const tidyEvery = time.Minute

// tidySlice is how long housekeeping may take between two writes. The kernel's queue holds what 6,000 connections tell
// (watch.Config.Queue), and nobody empties it meanwhile.
const tidySlice = 100 * time.Millisecond

// chunk is how many rows are deleted at once: a fraction of a second, and what the log of writes has to hold.
const chunk = 4000

var background = context.Background()

// chore is a part of housekeeping, in steps that are short; done is the last.
type chore func() (done bool, err error)

// Tidy deletes what is older than the limits say, or more than fits, and gives its room back to the system. Record does it
// every minute, a little at a time.
func (s *Store) Tidy(ctx context.Context) error {
	for ctx.Err() == nil {
		if done, err := s.tidySome(); err != nil || done {
			return err
		}
	}
	return nil
}

// tidySome goes on with housekeeping for a while. Where it had been done it begins anew.
func (s *Store) tidySome() (done bool, err error) {
	if len(s.chores) == 0 {
		s.chores = s.newChores(s.cfg.Now())
	}
	for end := time.Now().Add(s.slice); len(s.chores) > 0; {
		done, err := s.chores[0]()
		if err != nil {
			s.chores = nil
			return false, wrap("tidy", s.cfg.Path, err)
		}
		if done {
			s.chores = s.chores[1:]
		}
		if time.Now().After(end) {
			break
		}
	}
	return len(s.chores) == 0, nil
}

// newChores are all of them.
func (s *Store) newChores(now time.Time) (all []chore) {
	if s.settled(now) {
		for _, text := range s.tooOld(now) {
			all = append(all, func() (bool, error) {
				n, err := s.delete(text)
				return n == 0, err
			})
		}
	}
	all = append(all, s.shrinking())
	if now.Sub(s.swept) >= 24*time.Hour || now.Before(s.swept) {
		all = append(all, s.sweeping(now)...)
	}
	return append(all, s.vacuum)
}

// settling is how long nothing is deleted for its age after the clock has jumped: it may be wrong, as that of a machine often is
// until it has asked another one.
const settling = time.Hour

// settled reports whether the clock can be believed: it has been looked at for a while, and did not jump meanwhile.
func (s *Store) settled(now time.Time) bool {
	if gap := now.Sub(s.looked); gap < 0 || gap > settling {
		s.jumped = now
	}
	s.looked = now
	return now.Sub(s.jumped) >= settling
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
	add(l.Months, fmt.Sprintf(totals, byPair), monthOf)
	for _, g := range grains {
		kept := g.kept
		if kept == 0 {
			kept = l.Months
		}
		add(kept, fmt.Sprintf("DELETE FROM traffic WHERE (grain, interface, time) IN (SELECT t.grain, t.interface, t.time FROM interface i CROSS JOIN traffic t ON t.interface = i.id WHERE t.grain = %d AND t.time < %%d LIMIT %%d)", g.seconds), time.Time.Unix)
	}
	return all
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
