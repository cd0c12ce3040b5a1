package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDoctorDatabases: those that are used are told with their age, broken ones with the reason, and a configuration that
// cannot be read with its line. None of them changes what doctor says of sockets.
func TestDoctorDatabases(t *testing.T) {
	w, dir := geoWorld(t)
	w.table.sockets = w.table.sockets[:3] // whose owners are all known
	lines := func() (lines string) {
		w.check(t, "doctor", exitFound, "")
		for line := range strings.Lines(w.out.String()) {
			if strings.Contains(line, "database") || strings.Contains(line, "configuration") || strings.Contains(line, "->") {
				lines += line
			}
		}
		return lines
	}
	if got := lines(); !strings.Contains(got, "no   database           none") || !strings.Contains(got, "-> put one") || !strings.Contains(got, dir) {
		t.Errorf("%s", got)
	}
	path := writeQQWry(t, dir)
	if got := lines(); got != "  yes  database           qqwry.dat: qqwry, 6 ranges, of 2024-10-16, 1.4 years old: QQWry ended in October 2024; ip2region (.xdb) and MMDB files go on\n" {
		t.Errorf("%s", got)
	}
	w.Now = func() time.Time { return time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC) }
	if got := lines(); got != "  yes  database           qqwry.dat: qqwry, 6 ranges, of 2024-10-16\n" {
		t.Errorf("%s", got)
	}
	broken := writeDB(t, dir, "x.mmdb", []byte("x"))
	if got := lines(); !strings.Contains(got, "yes  database") || !strings.Contains(got, "no   database           open "+broken+": not a database") {
		t.Errorf("%s", got)
	}
	writeDB(t, filepath.Dir(w.vars["SOCKEYE_CONFIG"]), "config.toml", []byte("[geo]\ndatabases = ['"+path+"']\n"))
	if got := lines(); strings.Contains(got, broken) || strings.Count(got, "\n") != 1 {
		t.Errorf("%s", got)
	}
	writeDB(t, filepath.Dir(w.vars["SOCKEYE_CONFIG"]), "config.toml", []byte("[geo]\n\nwhat = 1\n"))
	if got := lines(); !strings.Contains(got, "no   configuration      "+w.vars["SOCKEYE_CONFIG"]+": ") || !strings.Contains(got, "line 3: there is no key \"geo.what\"") {
		t.Errorf("%s", got)
	}
}
