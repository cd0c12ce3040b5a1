package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/view"
)

// placeFlags are the flags of commands that can say where the remote ends of sockets are.
type placeFlags struct {
	geo bool
	db  []string
}

func (f *placeFlags) addTo(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.geo, "geo", false, "where the remote ends are: country, city, provider (see sockeye geo)")
	cmd.Flags().StringArrayVar(&f.db, "db", nil, "the database to ask for places, instead of those configured or found; may be repeated")
	completeDatabases(cmd)
}

// locator answers a command where addresses are. A nil one is for a command that does not ask.
type locator struct {
	*places
	without error          // why nothing but special-purpose ranges is known; nil where there is a database
	checked time.Time      // when it was last looked whether they were replaced
	last    geoip.Location // a place that is looked up: the names keep what they want of it
}

// place asks the databases, without a copy for each address.
func (l *locator) place(a netip.Addr) *geoip.Location {
	var err error
	if l.last, err = l.Set.Lookup(a); err != nil {
		l.failed = true
		l.add(err)
	}
	return &l.last
}

// locate opens databases where places are needed, and has the names ask them. It fails where a database must be asked and
// there is none that could tell.
func (e *Env) locate(f *placeFlags, needs view.Needs, names *view.Names) (*locator, error) {
	if !needs.Geo {
		if len(f.db) > 0 && !f.geo {
			return nil, errors.New("--db goes with --geo, or with columns or a filter of places")
		}
		return nil, nil
	}
	p, err := e.openPlaces(f.db)
	if err != nil {
		return nil, err
	}
	l := &locator{places: p, checked: e.Now()}
	if p.none() {
		l.without = e.errNoDatabase()
	}
	if err := l.lacks(needs.GeoDB); err != nil {
		for _, failed := range p.partial() {
			e.note(failed)
		}
		return nil, errors.Join(err, l.Close())
	}
	names.Place = l.place
	return l, nil
}

// lacks is why a filter of these parts of places cannot be answered. That nothing matches would not be known.
func (l *locator) lacks(parts geodb.Parts) error {
	parts &^= l.Tells()
	switch {
	case parts == 0:
		return nil
	case l.without != nil:
		return l.without
	}
	return fmt.Errorf("no database that is used tells of %v, for which the filter asks; see sockeye geo --where", parts)
}

// checkDatabases is how often a command that runs for long looks whether a database was replaced.
const checkDatabases = time.Minute

// refresh takes up databases that were replaced meanwhile.
func (l *locator) refresh(now time.Time, names *view.Names) {
	if l == nil || now.Sub(l.checked) < checkDatabases {
		return
	}
	l.checked = now
	for _, db := range l.Open {
		changed, err := db.Reload()
		if err != nil {
			l.add(err)
		}
		if changed {
			names.ForgetPlaces()
		}
	}
}

// missing is what could not be opened or read so far, and whether there was anything to ask.
func (l *locator) missing() []error {
	switch {
	case l == nil:
		return nil
	case l.without != nil:
		return append(l.partial()[:len(l.partial()):len(l.partial())], fmt.Errorf("--geo: %w", l.without))
	}
	return l.partial()
}

// unsure reports whether an address could not be looked up, so that a filter of places may have missed it.
func (l *locator) unsure() bool { return l != nil && l.failed }

func (l *locator) close() {
	if l != nil {
		_ = l.Close() // it was only read
	}
}
