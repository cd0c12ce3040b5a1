package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
)

// Limits bound what is kept. A zero field is its default; a negative one is no bound.
type Limits struct {
	Lives  time.Duration // connections and listeners, from their end on: 92 days
	Days   time.Duration // totals by day: 400 days
	Months time.Duration // totals by month, interfaces by hour: 10 years
	Size   int64         // of the file in bytes: 4 GiB, a month of ten million connections. Above it the oldest lives go first, then totals
}

const day = 24 * time.Hour

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&l.Lives, 92 * day}, {&l.Days, 400 * day}, {&l.Months, 3653 * day}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if l.Size == 0 {
		l.Size = 4 << 30
	}
	return l
}

// Config says where a history is and how much of it is kept.
type Config struct {
	Path   string
	Limits Limits
	Now    func() time.Time // nil is time.Now
	Boot   string           // tells one start of the machine from the next; empty is what the system says
	Host   string           // name of the machine, for whoever reads several

	// SetAside has a damaged file moved out of the way, under a name that says so, and a new one begun. Else it is an error.
	SetAside bool
}

// Store is a history that is written. Its methods are for one goroutine at a time.
type Store struct {
	cfg       Config
	db        *sql.DB
	conn      *sql.Conn // the only one: a transaction is a matter of the connection
	stmts     map[string]*sql.Stmt
	dict      *dict
	dictBegan time.Time
	places    func(netip.Addr) *geoip.Location
	lock      *os.File
	aside     string
	mark      int64
	swept     time.Time // when what nothing refers to was last deleted

	chores         []chore // what is left of housekeeping
	slice          time.Duration
	looked, jumped time.Time // when the clock was last looked at by it, and when it had jumped
}

// Open opens a history for recording, and makes it where there is none; its folder has to exist. It is readable by this
// user only, since it holds command lines.
//
// Errors, for errors.Is: ErrLocked, ErrReadOnly, ErrFull, ErrDamaged, ErrNewer, ErrForeign. None of them changes the file.
func Open(cfg Config) (*Store, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Boot == "" {
		cfg.Boot = bootID()
	}
	cfg.Limits = cfg.Limits.withDefaults()
	if real, err := filepath.EvalSymlinks(cfg.Path); err == nil { // the lock is the file's, by whatever name it is opened
		cfg.Path = real
	}
	s := &Store{cfg: cfg, slice: tidySlice}
	var err error
	if s.lock, err = lock(cfg.Path + ".lock"); err != nil {
		return nil, wrap("open", cfg.Path, err)
	}
	err = s.open()
	if cfg.SetAside && errors.Is(err, ErrDamaged) {
		if err = s.setAside(); err == nil {
			err = s.open()
		}
	}
	if err != nil {
		return nil, errors.Join(wrap("open", cfg.Path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open() error {
	if err := touch(s.cfg.Path); err != nil {
		return err
	}
	fresh, checked, err := inspect(s.cfg.Path)
	if err != nil {
		return wrap("open", s.cfg.Path, err)
	}
	db, err := openWriter(s.cfg.Path, fresh, checked)
	if err != nil {
		return wrap("open", s.cfg.Path, err)
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		return errors.Join(wrap("open", s.cfg.Path, err), db.Close())
	}
	s.db, s.conn, s.stmts, s.dict, s.chores = db, conn, make(map[string]*sql.Stmt), nil, nil
	return nil
}

// touch makes the file, so that it is nobody else's business from the first byte on; SQLite gives its log the same mode.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// inspect looks whose the file is, and whether it is whole, before anything is done to it: the writer's pragmas alone change one.
func inspect(path string) (fresh, checked bool, err error) {
	info, err := os.Stat(path)
	if err != nil || info.Size() == 0 {
		return true, true, err
	}
	db, err := sql.Open("sqlite", source(path, "ro", readerPragmas))
	if err != nil {
		return false, false, err
	}
	if _, err = ours(background, db); err == nil {
		err = whole(db)
	}
	checked = err == nil
	if kindOf(err) == ErrReadOnly {
		err = nil // a recorder was killed, and what it began has to be undone first, which is writing
	}
	return false, checked, errors.Join(err, db.Close())
}

// writerPragmas:  In WAL mode a commit is a write to the log: it is there for whoever comes after this process was
// killed. With synchronous=FULL the log is synced at each commit too, so that it is there after a power cut, if the disk
// keeps its word; a commit every few seconds makes that cheap (sqlite.org/wal.html, pragma.html#pragma_synchronous).
// The log is written back to the file when it has 32 MB: by then many a page is in it more than once. cell_size_check and trusted_schema are for files that are not what they were.
var writerPragmas = []string{"journal_mode(WAL)", "synchronous(FULL)", "journal_size_limit(8388608)", "wal_autocheckpoint(8000)",
	"cell_size_check(ON)", "trusted_schema(OFF)", "cache_size(-16384)", "temp_store(MEMORY)", "busy_timeout(3000)"}

// freshPragma has to come before the first table, and is written to the file each time.
const freshPragma = "auto_vacuum(INCREMENTAL)"

func openWriter(path string, fresh, checked bool) (*sql.DB, error) {
	pragmas := writerPragmas
	if fresh {
		pragmas = append([]string{freshPragma}, pragmas...)
	}
	db, err := sql.Open("sqlite", source(path, "rwc", pragmas)+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if err = migrate(background, db); err == nil && !checked {
		err = whole(db)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// quickCheckBelow bounds the files that are checked as a whole when they are opened: that is a second or so. What is not found
// then is found when it is met, and treated the same.
const quickCheckBelow = 256 << 20

func whole(db *sql.DB) error {
	size, err := sizeOf(background, db)
	if err != nil || size.file > quickCheckBelow {
		return err
	}
	var answer string
	if err := db.QueryRowContext(background, "PRAGMA quick_check(1)").Scan(&answer); err != nil {
		return err
	}
	if answer != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, answer)
	}
	return nil
}

// source is the name under which SQLite is given a file (sqlite.org/uri.html).
func source(path, mode string, pragmas []string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") { // C:/...
		path = "/" + path
	}
	q := url.Values{"mode": {mode}}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// Path is that of the file.
func (s *Store) Path() string { return s.cfg.Path }

// Aside is where a damaged file was moved to; empty where none was.
func (s *Store) Aside() string { return s.aside }

// setAside moves a damaged file and its log out of the way. Nothing is deleted: sqlite3's .recover may still find a lot.
func (s *Store) setAside() error {
	_ = s.closeFile() // it is damaged
	to := fmt.Sprintf("%s.damaged-%s", s.cfg.Path, s.cfg.Now().UTC().Format("20060102T150405.000000Z"))
	if err := os.Rename(s.cfg.Path, to); err != nil {
		return err
	}
	s.aside = to
	// The log belongs to the file; its index can be made again and would belong to neither.
	if err := os.Rename(s.cfg.Path+"-wal", to+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(s.cfg.Path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close ends writing. It is safe to call more than once.
func (s *Store) Close() error {
	errs := []error{wrap("close", s.cfg.Path, s.closeFile())}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
		s.lock = nil
	}
	return errors.Join(errs...)
}

func (s *Store) closeFile() error {
	if s.db == nil {
		return nil
	}
	err := errors.Join(s.closeStatements(), s.conn.Close(), s.db.Close())
	s.db, s.conn = nil, nil
	return err
}

// sizes of a file, in bytes.
type sizes struct{ file, free int64 }

// querier is a *sql.DB or *sql.Conn.
type querier interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

func sizeOf(ctx context.Context, db querier) (s sizes, err error) {
	var page, pages, free int64
	for _, q := range []struct {
		name string
		to   *int64
	}{{"page_size", &page}, {"page_count", &pages}, {"freelist_count", &free}} {
		if err := db.QueryRowContext(ctx, "PRAGMA "+q.name).Scan(q.to); err != nil {
			return s, err
		}
	}
	return sizes{page * pages, page * free}, nil
}
