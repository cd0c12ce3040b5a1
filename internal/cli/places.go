package cli

import (
	"cmp"
	"errors"
	"net/netip"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/internal/geodb"
)

// places are the databases that a command asks where addresses are. It is not for concurrent use.
type places struct {
	*geodb.Databases
	errors []error // what failed, each once
	said   map[string]bool
	failed bool // a lookup has failed, or a database that is wanted did not open: what is not found may be there
}

// openPlaces opens the databases that are named, or else those of the configuration, or else those that are found in the
// usual folders. One that cannot be opened is told by partial, unless they were named or configured and none can.
func (e *Env) openPlaces(named []string) (*places, error) {
	cfg, err := config.Load(e.Getenv)
	if err != nil {
		return nil, err
	}
	return e.openConfigured(cfg, named)
}

func (e *Env) openConfigured(cfg *config.Config, named []string) (*places, error) {
	p := &places{Databases: e.openDatabases(cfg, named), said: make(map[string]bool)}
	wanted := len(named)+len(cfg.Geo.Databases) > 0
	if last := len(p.Failed) - 1; p.none() && wanted {
		for _, err := range p.Failed[:last] {
			e.complain(err)
		}
		return nil, p.Failed[last]
	}
	p.failed = wanted && len(p.Failed) > 0
	for _, err := range p.Failed {
		p.add(err)
	}
	return p, nil
}

// openDatabases opens what can be opened.
func (e *Env) openDatabases(cfg *config.Config, named []string) *geodb.Databases {
	languages := geoip.Languages(cfg.Geo.Languages...)
	if len(named) == 0 {
		named = cfg.Geo.Databases
	}
	if len(named) == 0 {
		return geodb.OpenFound(e.findDatabases(), languages)
	}
	return geodb.Open(named, languages)
}

// findDatabases is nothing where Env has no folders, as in tests.
func (e *Env) findDatabases() []string {
	if e.Databases == nil {
		return nil
	}
	return e.Databases(e.Getenv)
}

// none reports that no database is open: only special-purpose ranges are known.
func (p *places) none() bool { return len(p.Open) == 0 }

// errNoDatabase says what to do where there is none.
func (e *Env) errNoDatabase() error {
	return errors.New("there is no database of addresses: " + e.howToGetDatabase())
}

func (e *Env) howToGetDatabase() string {
	where := cmp.Or(geodb.UpdateFolder(e.Getenv), "a folder that SOCKEYE_GEO_PATH names")
	return "put one (qqwry.dat, or an .mmdb, .xdb or .ipdb file) into " + where + ", or see sockeye geo update --help"
}

// Lookup returns where an address is, or nil where nothing is known.
func (p *places) Lookup(a netip.Addr) *geoip.Location {
	loc, err := p.Set.Lookup(a)
	if err != nil {
		p.failed = true
		p.add(err)
	}
	if !loc.Found() {
		return nil
	}
	return &loc
}

// add remembers an error, unless it was told before or there are too many.
func (p *places) add(err error) {
	if text := err.Error(); !p.said[text] && len(p.errors) < maxPartials {
		p.said[text] = true
		p.errors = append(p.errors, err)
	}
}

// partial is what could not be opened or read so far.
func (p *places) partial() []error { return p.errors }
