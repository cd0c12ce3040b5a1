package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"

	"modernc.org/sqlite"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/netstat"
)

// Reader reads a history, also while it is recorded. Its methods may be called from several goroutines.
type Reader struct {
	path string
	db   *sql.DB
	zone *time.Location // of totals

	patience time.Duration

	mu        sync.Mutex
	fresh     time.Time // since when dictionaries are remembered
	lookups   map[string]*sql.Stmt
	processes map[int64]*netstat.Process
	details   map[*netstat.Process]Details
	before    map[*netstat.Process]Details // what was in details until fresh
	programs  map[int64]program
	places    map[int64]*geoip.Location
	hosts     map[int64]readHost
}

// readHost is an address as it was stored.
type readHost struct {
	addr  []byte
	zone  string
	place *geoip.Location
}

// OpenReader opens a history for reading. Errors, for errors.Is: ErrNone, ErrDenied, ErrDamaged,
// ErrNewer, ErrOlder, ErrForeign.
func OpenReader(path string) (*Reader, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &OpError{Op: "open", Path: path, Kind: ErrNone}
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, &OpError{Op: "open", Path: path, Kind: ErrDenied}
	}
	if err != nil {
		return nil, wrap("open", path, err)
	}
	_ = f.Close()
	r, err := openReader(path, "ro")
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code() == lib.SQLITE_READONLY_ROLLBACK {
		// Only while it is made has a history a journal that is rolled back.
		return nil, &OpError{Op: "open", Path: path, Kind: ErrNone, Err: err}
	}
	if errors.As(err, &e) && (e.Code()&0xff == lib.SQLITE_CANTOPEN || e.Code()&0xff == lib.SQLITE_READONLY) && !exists(path+"-wal") {
		// Nobody writes, and this user may not make the log's index, which SQLite wants even for reading: then the file is
		// what it is (sqlite.org/wal.html#read_only_databases).
		r, err = openReader(path, "ro&immutable=1")
	}
	return r, wrap("open", path, err)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func openReader(path, mode string) (*Reader, error) {
	db, err := sql.Open("sqlite", source(path, "ro", readerPragmas)+mode[len("ro"):])
	if err != nil {
		return nil, err
	}
	r := &Reader{path: path, db: db, zone: time.Local, patience: patience, lookups: make(map[string]*sql.Stmt)}
	r.forget()
	if err := r.check(context.Background()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

// readerPragmas are for files of unknown history: see writerPragmas.
var readerPragmas = []string{"query_only(ON)", "cell_size_check(ON)", "trusted_schema(OFF)", "busy_timeout(3000)", "temp_store(MEMORY)", "cache_size(-32768)"}

func (r *Reader) check(ctx context.Context) error {
	have, app, err := versions(ctx, r.db)
	switch {
	case err != nil:
		return err
	case app != applicationID && have == 0 && app == 0 && blank(ctx, r.db): // a recorder is about to begin
		return ErrNone
	case app != applicationID:
		return ErrForeign
	case have > version:
		return fmt.Errorf("%w: its schema is %d, this one knows %d", ErrNewer, have, version)
	case have < version:
		return fmt.Errorf("%w: its schema is %d, this one reads %d", ErrOlder, have, version)
	}
	return nil
}

// forgetOld drops what was remembered for long: the id of an entry that was deleted may be given to another.
func (r *Reader) forgetOld() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if since := time.Since(r.fresh); since > dictAge || since < 0 || len(r.processes) > maxDict {
		r.forget()
	}
}

// forget drops what was remembered of the dictionaries. Details of processes that were told of are kept until the next time.
func (r *Reader) forget() {
	r.fresh, r.before = time.Now(), r.details
	r.processes, r.details = make(map[int64]*netstat.Process), make(map[*netstat.Process]Details)
	r.programs, r.places, r.hosts = make(map[int64]program), make(map[int64]*geoip.Location), make(map[int64]readHost)
}

// Close ends reading.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, st := range r.lookups {
		errs = append(errs, st.Close())
	}
	clear(r.lookups)
	return wrap("close", r.path, errors.Join(append(errs, r.db.Close())...))
}

// lookup finds an entry of a dictionary. Its statement is prepared once: that takes longer than the rest.
func (r *Reader) lookup(ctx context.Context, text string, id int64, scan func(scanner) error) error {
	st := r.lookups[text]
	if st == nil {
		var err error
		if st, err = r.db.PrepareContext(ctx, text); err != nil {
			return err
		}
		r.lookups[text] = st
	}
	return scan(st.QueryRowContext(ctx, id))
}

// SetCalendar says in whose days and months totals are: where the recorder ran. It is time.Local if nothing is said. It is called
// before anything is asked.
func (r *Reader) SetCalendar(zone *time.Location) { r.zone = zone }

// Path is that of the file.
func (r *Reader) Path() string { return r.path }

// Details are those of a process of a Life that this reader told of within the last hour; false where nothing is known.
func (r *Reader) Details(p *netstat.Process) (Details, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, ok := r.details[p]
	if !ok {
		d, ok = r.before[p]
	}
	return d, ok
}

// Session is a time during which was recorded.
type Session struct {
	From, To time.Time
	Running  bool // it was not ended, as far as the file tells
}

// Sessions are those that touch a time, oldest first. The zero Time is no bound.
func (r *Reader) Sessions(ctx context.Context, from, to time.Time) (all []Session, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT started, alive, ended FROM session WHERE alive >= ? AND started < ? ORDER BY id", micros(from), until(to))
	if err != nil {
		return nil, wrap("read", r.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var started, alive, ended int64
		if err := rows.Scan(&started, &alive, &ended); err != nil {
			return nil, wrap("read", r.path, err)
		}
		all = append(all, Session{time.UnixMicro(started), time.UnixMicro(alive), ended == 0})
	}
	return all, wrap("read", r.path, rows.Err())
}

// Gap is a remark that something was not recorded.
type Gap struct {
	Time time.Time
	Lost uint64 // events, 0 if that is not known
	Why  string // "overflow" of the kernel's queue, "not written", "damaged"
}

// Gaps are those of a time.
func (r *Reader) Gaps(ctx context.Context, from, to time.Time) (all []Gap, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT time, lost, why FROM gap WHERE time >= ? AND time < ? ORDER BY time", micros(from), until(to))
	if err != nil {
		return nil, wrap("read", r.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var at, lost int64
		var g Gap
		if err := rows.Scan(&at, &lost, &g.Why); err != nil {
			return nil, wrap("read", r.path, err)
		}
		g.Time, g.Lost = time.UnixMicro(at), uint64(lost)
		all = append(all, g)
	}
	return all, wrap("read", r.path, rows.Err())
}

// until is a time as the end of a range.
func until(t time.Time) int64 {
	if t.IsZero() {
		return 1 << 62
	}
	return t.UnixMicro()
}

// alive is when the last recorder was last known to live.
func (r *Reader) alive(ctx context.Context) (at int64, err error) {
	err = r.db.QueryRowContext(ctx, "SELECT coalesce((SELECT alive FROM session ORDER BY id DESC LIMIT 1), 0)").Scan(&at)
	return at, err
}

// The entries of the dictionaries, by id. They never change, so they are asked for once an hour.

func (r *Reader) process(ctx context.Context, id int64) (*netstat.Process, error) {
	if p := r.processes[id]; p != nil || id == 0 {
		return p, nil
	}
	p := new(netstat.Process)
	var d Details
	var began, prog int64
	err := r.lookup(ctx, "SELECT program, pid, started, cmdline, user FROM process WHERE id = ?", id, func(row scanner) error {
		return row.Scan(&prog, &p.PID, &began, &d.Cmdline, &d.User)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	of, err := r.program(ctx, prog)
	if err != nil {
		return nil, err
	}
	p.Name, p.Module, d.Exe = of.name, of.unit, of.exe
	if began != 0 {
		p.Started = time.UnixMilli(began)
	}
	r.processes[id], r.details[p] = p, d
	return p, nil
}

func (r *Reader) program(ctx context.Context, id int64) (program, error) {
	p, ok := r.programs[id]
	if ok || id == 0 {
		return p, nil
	}
	err := r.lookup(ctx, "SELECT name, exe, unit FROM program WHERE id = ?", id, func(row scanner) error {
		return row.Scan(&p.name, &p.exe, &p.unit)
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	r.programs[id] = p
	return p, err
}

func (r *Reader) host(ctx context.Context, id int64) (readHost, error) {
	h, ok := r.hosts[id]
	if ok || id == 0 {
		return h, nil
	}
	var where int64
	err := r.lookup(ctx, "SELECT addr, zone, place FROM host WHERE id = ?", id, func(row scanner) error {
		return row.Scan(&h.addr, &h.zone, &where)
	})
	if err == nil {
		h.place, err = r.place(ctx, where)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if len(r.hosts) > maxDict {
		clear(r.hosts)
	}
	r.hosts[id] = h
	return h, err
}

func (r *Reader) place(ctx context.Context, id int64) (*geoip.Location, error) {
	if l := r.places[id]; l != nil || id == 0 {
		return l, nil
	}
	var p place
	err := r.lookup(ctx, "SELECT "+placeNames+" FROM place WHERE id = ?", id, func(row scanner) (err error) {
		p, err = scanPlace(row)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := p.location()
	r.places[id] = l
	return l, nil
}

const placeNames = "iso, country, region, city, district, isp, org, asn, latitude, longitude, positioned, special, source, network"

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(...any) error }

func scanPlace(row scanner, before ...any) (p place, err error) {
	err = row.Scan(append(before, &p.iso, &p.country, &p.region, &p.city, &p.district, &p.isp, &p.org, &p.asn, &p.latitude, &p.longitude,
		&p.positioned, &p.special, &p.source, &p.network)...)
	return p, err
}

// hostAddr is the address of a stored host, without family: IPv4 where it is mapped.
func (h *readHost) hostAddr() netip.Addr { return address(h.addr, 6, h.zone).Unmap() }
