package geoip

import (
	"iter"
	"net/netip"
	"sync"
	"sync/atomic"
)

// DB is an open database. All of its methods may be called concurrently; lookups take no lock.
type DB struct {
	path string
	opt  options

	// now is what lookups use; nil once closed. Reload puts another one here and leaves the old one to those that have
	// it: it is unmapped when the garbage collector finds that nobody has.
	now atomic.Pointer[generation]

	change sync.Mutex // one Reload or Close at a time
}

// Open opens a database file. The error is an [*OpError], which wraps [ErrUnknownFormat], a [*FormatError], or what the
// system says. Where the content is of no known format, but the name is one that such files have, it wraps both, and says
// where the file is broken.
//
// Opening reads what the file's head and index say of themselves, not every record; [DB.Verify] does that.
func Open(path string, opts ...Option) (*DB, error) {
	db := &DB{path: path}
	for _, o := range opts {
		o(&db.opt)
	}
	g, err := openGeneration(path, db.opt)
	if err != nil {
		return nil, &OpError{"open", path, err}
	}
	db.now.Store(g)
	return db, nil
}

// Lookup tells where an address is. That nothing is known about it is no error: see [Location.Found].
//
// An IPv4 address inside an IPv6 one is looked up in its place, as [Location.Via] says; and an address that [Special]
// knows not to be globally reachable is answered without the database. Nothing is known about the zero Addr.
//
// The error is [ErrClosed], or an [*OpError] which wraps a [*FormatError] or [ErrFile].
func (db *DB) Lookup(a netip.Addr) (loc Location, err error) {
	if loc.start(a) {
		err = db.lookup(&loc)
	}
	return loc, err
}

// lookup fills in what the database knows of loc.Addr.
func (db *DB) lookup(loc *Location) error {
	g := db.now.Load()
	if g == nil {
		return ErrClosed
	}
	if err := g.lookup(loc); err != nil {
		return &OpError{"lookup", db.path, err}
	}
	return nil
}

// All returns every range of the database in the file's order, which is that of the addresses, IPv4 before or after IPv6.
// Special-purpose ranges are told as the file has them. A range that cannot be read comes with an error, and ends the
// iteration.
//
// The ranges are those of the file at the time when the iteration begins, whatever Reload and Close do.
func (db *DB) All() iter.Seq2[Location, error] {
	return func(yield func(Location, error) bool) {
		g := db.now.Load()
		if g == nil {
			yield(Location{}, ErrClosed)
			return
		}
		if err := g.all(func(l Location) bool { return yield(l, nil) }); err != nil {
			yield(Location{}, &OpError{"read", db.path, err})
		}
	}
}

// Verify reads every record and returns the first error.
func (db *DB) Verify() error {
	for _, err := range db.All() {
		if err != nil {
			return err
		}
	}
	return nil
}

// Info describes the database. It is the zero Info once the database is closed.
func (db *DB) Info() Info {
	g := db.now.Load()
	if g == nil {
		return Info{}
	}
	return g.describe()
}

// Reload opens the file again if another one has taken its place, or its size or time of change is not what it was, and
// reports whether it did. Lookups go on meanwhile, with the old file and then with the new one. Where the new one cannot
// be opened, the error says so and the old one stays in use.
func (db *DB) Reload() (bool, error) {
	db.change.Lock()
	defer db.change.Unlock()
	old := db.now.Load()
	if old == nil {
		return false, ErrClosed
	}
	same, err := old.isAt(db.path)
	if err != nil {
		return false, &OpError{"reload", db.path, err}
	}
	if same {
		return false, nil
	}
	g, err := openGeneration(db.path, db.opt)
	if err != nil {
		return false, &OpError{"reload", db.path, err}
	}
	db.now.Store(g)
	return true, nil
}

// Close ends the use of the database. Lookups that are under way end as if it were open; later ones fail with
// [ErrClosed]. The memory is given back by the garbage collector, when no lookup uses it any more. No descriptor is held
// from Open on. Closing again does nothing.
func (db *DB) Close() error {
	db.change.Lock()
	defer db.change.Unlock()
	db.now.Store(nil)
	return nil
}
