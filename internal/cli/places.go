package cli

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/internal/geodb"
)

// places are the databases that a command asks where addresses are. It is not for concurrent use.
type places struct {
	*geodb.Databases
	known  map[netip.Addr]*geoip.Location
	errors []error // what failed, each once
	said   map[string]bool
}

// maxKnown bounds the places that are remembered: 16,384 take some 7 MB.
const maxKnown = 16 << 10

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
	p := &places{known: make(map[netip.Addr]*geoip.Location), said: make(map[string]bool)}
	languages := geoip.Languages(cfg.Geo.Languages...)
	if len(named) == 0 {
		named = cfg.Geo.Databases
	}
	if len(named) > 0 {
		p.Databases = geodb.Open(named, languages)
	} else {
		p.Databases = geodb.OpenFound(e.findDatabases(), languages)
	}
	if len(named) > 0 && len(p.Open) == 0 {
		return nil, errors.Join(p.Failed...)
	}
	for _, err := range p.Failed {
		p.failed(err)
	}
	return p, nil
}

// findDatabases is nothing where Env has no folders, as in tests.
func (e *Env) findDatabases() []string {
	if e.Databases == nil {
		return nil
	}
	return e.Databases(e.Getenv)
}

// none reports that there is no database at all: only special-purpose ranges are known.
func (p *places) none() bool { return len(p.Open) == 0 }

// errNoDatabase says what to do where there is none.
func (e *Env) errNoDatabase() error {
	where := geodb.UpdateFolder(e.Getenv)
	if where == "" {
		where = "a folder of SOCKEYE_GEO_PATH"
	}
	return fmt.Errorf("there is no database of addresses: put one (QQWry.dat, .mmdb, .xdb, .ipdb) into %s, or configure its address and run sockeye geo update", where)
}

// Lookup returns where an address is, or nil where nothing is known. The Location stays as it is for good.
func (p *places) Lookup(a netip.Addr) *geoip.Location {
	a = a.WithZone("")
	loc, ok := p.known[a]
	if !ok {
		loc = p.ask(a)
		if len(p.known) >= maxKnown {
			clear(p.known)
		}
		p.known[a] = loc
	}
	return loc
}

func (p *places) ask(a netip.Addr) *geoip.Location {
	loc, err := p.Set.Lookup(a)
	if err != nil {
		p.failed(err)
	}
	if !loc.Found() {
		return nil
	}
	return &loc
}

// failed remembers an error, unless it was told before or there are too many.
func (p *places) failed(err error) {
	if text := err.Error(); !p.said[text] && len(p.errors) < maxPartials {
		p.said[text] = true
		p.errors = append(p.errors, err)
	}
}

// partial is what could not be opened or read so far.
func (p *places) partial() []error { return p.errors }
