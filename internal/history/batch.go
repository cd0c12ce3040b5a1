package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/sockeye-net/sockeye/geoip"
)

// batch is one transaction on its way. What it stores is remembered in dict, which is thrown away if it fails.
type batch struct {
	ctx    context.Context
	store  *Store
	dict   *dict
	now    int64
	mark   int64 // now, but different from every other batch's
	places func(netip.Addr) *geoip.Location
}

// write runs f in a transaction. After an error nothing of it is stored.
func (s *Store) write(ctx context.Context, f func(*batch) error) error {
	if now := s.cfg.Now(); s.dict == nil || s.dict.full() || now.Sub(s.dictBegan).Abs() > dictAge {
		s.dict, s.dictBegan = newDict(), now
	}
	ctx = context.WithoutCancel(ctx) // what is known at the end is stored, too
	b := &batch{ctx: ctx, store: s, dict: s.dict, now: micros(s.cfg.Now()), places: s.places}
	s.mark = max(b.now, s.mark+1)
	b.mark = s.mark
	err := s.transact(ctx, func() error { return f(b) })
	if err != nil {
		s.dict = nil
	}
	return wrap("write", s.cfg.Path, schemaDamage(err))
}

// schemaDamage: statements are the same every time, so one that SQLite does not understand was met by a damaged schema.
func schemaDamage(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_ERROR {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

func (s *Store) transact(ctx context.Context, f func() error) error {
	if s.conn == nil {
		return sql.ErrConnDone
	}
	if _, err := s.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		_, err = s.conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		// SQLite rolls back by itself on some errors, and then says that there is nothing to roll back.
		_, _ = s.conn.ExecContext(ctx, "ROLLBACK")
	}
	return err
}

// stmt is a prepared statement, kept for as long as the file is open.
func (b *batch) stmt(text string) (*sql.Stmt, error) {
	if st := b.store.stmts[text]; st != nil {
		return st, nil
	}
	st, err := b.store.conn.PrepareContext(b.ctx, text)
	if err == nil {
		b.store.stmts[text] = st
	}
	return st, err
}

func (b *batch) exec(text string, args ...any) (int64, error) {
	st, err := b.stmt(text)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(b.ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// id runs a statement that returns an id.
func (b *batch) id(text string, args ...any) (id int64, err error) {
	st, err := b.stmt(text)
	if err != nil {
		return 0, err
	}
	err = st.QueryRowContext(b.ctx, args...).Scan(&id)
	return id, err
}

const lifeNames = "span, opened, closed, flags, proto, family, state, local, lport, remote, rport, program, process, owners, uid, netns, rx, tx, basis, source, owner_from, missing"

// marks are n question marks for values.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

var (
	insertConnection = fmt.Sprintf("INSERT INTO connection(%s) VALUES (%s)", lifeNames, marks(22))
	insertListener   = fmt.Sprintf("INSERT INTO listener(%s) VALUES (%s)", lifeNames, marks(22))
	replaceLive      = fmt.Sprintf("REPLACE INTO live(id, cookie, summed, summed_rx, summed_tx, %s) VALUES (%s)", lifeNames, marks(27))
)

func (s *Store) closeStatements() error {
	var errs []error
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	clear(s.stmts)
	return errors.Join(errs...)
}
