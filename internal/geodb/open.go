package geodb

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/geoip"
)

// Databases are open databases, the most trusted first, and what could not be opened.
type Databases struct {
	Set    *geoip.Set
	Open   []*geoip.DB
	Failed []error // a *geoip.OpError each
}

// Open opens files in the order given. One that cannot be opened does not keep the others from being used.
func Open(files []string, opts ...geoip.Option) *Databases {
	d := new(Databases)
	for _, path := range files {
		db, err := open(path, opts)
		if err != nil {
			d.Failed = append(d.Failed, err)
			continue
		}
		d.Open = append(d.Open, db)
	}
	d.Set = geoip.NewSet(d.Open...)
	return d
}

// OpenFound opens what Find has found. Those that know countries only are asked last: in a [geoip.Set] the first that knows
// a country decides, and would hide the city of one that does not agree.
func OpenFound(files []string, opts ...geoip.Option) *Databases {
	d := Open(files, opts...)
	slices.SortStableFunc(d.Open, func(a, b *geoip.DB) int { return coarse(a) - coarse(b) })
	d.Set = geoip.NewSet(d.Open...)
	return d
}

func open(path string, opts []geoip.Option) (*geoip.DB, error) {
	db, err := openFile(path, opts)
	var system *fs.PathError
	if errors.As(err, &system) { // which names the file once more
		err = &geoip.OpError{Op: "open", Path: path, Err: system.Err}
	}
	return db, err
}

func openFile(path string, opts []geoip.Option) (*geoip.DB, error) {
	if path == "" {
		return nil, &geoip.OpError{Op: "open", Path: `""`, Err: errors.New("not the name of a file")}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &geoip.OpError{Op: "open", Path: path, Err: errors.New("not a regular file")}
	}
	return geoip.Open(path, opts...)
}

// coarse is 1 for a database that knows no cities: MaxMind and all who follow it say so in the type.
func coarse(db *geoip.DB) int {
	if strings.Contains(strings.ToLower(db.Info().Type), "country") {
		return 1
	}
	return 0
}

// Close closes all of them.
func (d *Databases) Close() error {
	var errs []error
	for _, db := range d.Open {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}
