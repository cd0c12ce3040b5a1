package tui

import (
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// store keeps the rows of one kind from reading to reading: it knows which are new, and which are gone.
type store struct {
	byKey map[key]*row
	all   []*row
	now   uint32 // the number of the reading
	begun bool   // what is there at the first reading is not new

	next   int    // where in all the row of the next touch is likely to be
	there  int    // rows that the reading had so far
	ghosts int    // rows that are gone, and not dropped
	news   []*row // that no page lists yet, or that may belong to another one by now
}

// maxGhosts bounds how many rows are kept of what is gone: a busy server closes thousands of connections a second.
const maxGhosts = 1000

func newStore() store { return store{byKey: make(map[key]*row)} }

// begin begins a reading.
func (s *store) begin() { s.now, s.next, s.there = s.now+1, 0, 0 }

// touch finds or makes the row of a key, and marks it as there. Readings tell rows mostly in the same order.
func (s *store) touch(k key, now time.Time) *row {
	r := s.find(k)
	if r == nil {
		r = s.add(k)
		if s.begun {
			r.born = now
		}
	}
	s.next = r.at + 1
	if r.seen != s.now {
		s.there++
	}
	if r.gone() {
		s.ghosts--
	}
	r.seen, r.died = s.now, time.Time{}
	return r
}

func (s *store) find(k key) *row {
	if s.next < len(s.all) && s.all[s.next].key == k {
		return s.all[s.next]
	}
	return s.byKey[k]
}

// adopt gives the row of a socket that had no cookie yet its key.
func (s *store) adopt(sock *netstat.Socket, k key) {
	if sock.Cookie == 0 || s.find(k) != nil {
		return
	}
	nameless := *sock
	nameless.Cookie = 0
	old := socketKey(&nameless)
	if r := s.find(old); r != nil {
		delete(s.byKey, old)
		r.key, s.byKey[k] = k, r
	}
}

// bury marks a row as gone.
func (s *store) bury(r *row, now time.Time) {
	if !r.gone() {
		r.died = now
		s.ghosts++
	}
}

func (s *store) add(k key) *row {
	r := &row{key: k, at: len(s.all)}
	s.byKey[k] = r
	s.all = append(s.all, r)
	s.news = append(s.news, r)
	return r
}

// end ends a reading: what it did not have is gone, and what has been gone for a while is dropped.
func (s *store) end(now time.Time) {
	s.begun = true
	if s.there == len(s.all) && s.ghosts == 0 {
		return
	}
	for _, r := range s.all {
		if r.seen != s.now {
			r.Delta.Sent, r.Delta.Received = 0, 0
			s.bury(r, now)
		}
	}
	s.sweep(now)
}

// sweep drops what has been gone for a while.
func (s *store) sweep(now time.Time) {
	if s.ghosts == 0 {
		return
	}
	kept, ghosts := s.all[:0], 0
	for _, r := range s.all {
		if r.gone() {
			if ghosts++; now.Sub(r.died) >= glow || ghosts > maxGhosts {
				r.dropped = true
				delete(s.byKey, r.key)
				s.ghosts--
				continue
			}
		}
		r.at = len(kept)
		kept = append(kept, r)
	}
	clear(s.all[len(kept):])
	s.all = kept
}

// glowing reports whether a row is marked as new or gone.
func (s *store) glowing(now time.Time) bool {
	for _, r := range s.all {
		if r.gone() || r.fresh(now) {
			return true
		}
	}
	return false
}
