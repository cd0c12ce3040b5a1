package cli

import (
	"cmp"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/netstat"
)

// oldDatabase is the age from which on a database is told to be old.
const oldDatabase = 365 * 24 * time.Hour

// probeDatabases tells which databases of addresses are used, and how old they are.
func (e *Env) probeDatabases() (caps []netstat.Capability) {
	cfg, err := config.Load(e.Getenv)
	if err != nil {
		return []netstat.Capability{{Name: "configuration", Detail: strings.TrimLeft(strings.TrimPrefix(err.Error(), "configuration"), ": "), Remedy: "mend the file; sockeye geo --help shows what may be in it"}}
	}
	dbs := e.openDatabases(cfg, nil)
	defer dbs.Close()
	for _, db := range dbs.Open {
		caps = append(caps, e.probeDatabase(db.Info()))
	}
	for _, err := range dbs.Failed {
		caps = append(caps, netstat.Capability{Name: "database", Detail: strings.TrimPrefix(err.Error(), "geoip: "), Remedy: "remove it, or fetch it again"})
	}
	if len(caps) == 0 {
		caps = append(caps, netstat.Capability{Name: "database", Detail: "none: of addresses only special-purpose ranges are known", Remedy: e.howToGetDatabase()})
	}
	return caps
}

// probeDatabase describes one. An old one works, but places have moved.
func (e *Env) probeDatabase(i geoip.Info) netstat.Capability {
	c := netstat.Capability{Name: "database", Works: true}
	parts := []string{filepath.Base(i.Path) + ": " + i.Format.String()}
	if i.Type != "" && len(i.Type) < 40 {
		parts[0] += " (" + i.Type + ")"
	}
	if i.Ranges > 0 {
		parts = append(parts, count(i.Ranges, "range"))
	}
	if !i.Built.IsZero() {
		parts = append(parts, "of "+dateText(&i))
		if age := e.Now().Sub(i.Built); age > oldDatabase {
			parts = append(parts, ageText(age)+" old: "+successor(i.Format))
		}
	}
	c.Detail = strings.Join(parts, ", ")
	return c
}

func ageText(age time.Duration) string {
	const year = 365.25 * 24
	return strconv.FormatFloat(age.Hours()/year, 'f', 1, 64) + " years"
}

// successor says where a newer one may come from.
func successor(f geoip.Format) string {
	return cmp.Or(map[geoip.Format]string{
		geoip.QQWry:    "QQWry ended in October 2024; ip2region (.xdb) and MMDB files go on",
		geoip.GeoIPDat: "the format ended in 2019 and is made from MMDB files since",
	}[f], "fetch a newer one (sockeye geo update)")
}
