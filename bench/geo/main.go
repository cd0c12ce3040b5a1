// Geo measures how long it takes to open an address database and to look an address up in it, beside other readers of the
// same files; and how fast sockeye geo --annotate passes texts, beside other filters:
//
//	go run ./bench/geo
//
// The files are made for the run (see internal/testutil/testdb). All subjects look up the same addresses, in the same
// order, and take turns. Each has looked up every address once before it is timed. See bench/README.md.
package main

import (
	"flag"
	"log"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

type config struct {
	ranges, leaves, rounds int
	addresses              string
	length                 time.Duration
	logSize                int64
	logRounds              int
	parts                  string
	peers                  peerFlags
	out                    string
}

// peerFlags are other readers, as programs: format:name=program.
type peerFlags []string

func (p *peerFlags) String() string     { return strings.Join(*p, ",") }
func (p *peerFlags) Set(s string) error { *p = append(*p, s); return nil }

func main() {
	var c config
	flag.IntVar(&c.ranges, "ranges", 500_000, "ranges of the files with an index; 500000 make a QQWry.dat of 10 MB")
	flag.IntVar(&c.leaves, "tree-ranges", 100_000, "ranges of the MMDB, each some 15 leaves of its tree")
	flag.StringVar(&c.addresses, "addresses", "4096,65536", "how many different addresses are looked up, again and again")
	flag.IntVar(&c.rounds, "rounds", 9, "turns of each subject; the median counts")
	flag.DurationVar(&c.length, "length", 200*time.Millisecond, "time of one turn")
	flag.Int64Var(&c.logSize, "log-size", 64<<20, "bytes of each text that is annotated")
	flag.IntVar(&c.logRounds, "log-rounds", 5, "runs of each program over a text; the median counts")
	flag.StringVar(&c.parts, "parts", "lookup,annotate", "what is measured")
	flag.Var(&c.peers, "peer", "another reader, as `format:name=program`; may be given again")
	flag.StringVar(&c.out, "out", filepath.Join("bench", "results"), "where geo.md is written")
	flag.Parse()
	if err := run(c); err != nil {
		log.Fatal("geo: ", err)
	}
}

func run(c config) error {
	dir, err := os.MkdirTemp("", "geo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	files, err := makeFiles(dir, c)
	if err != nil {
		return err
	}
	var report report
	if strings.Contains(c.parts, "lookup") {
		if err := report.files(files, c); err != nil {
			return err
		}
	}
	if strings.Contains(c.parts, "annotate") {
		if err := report.annotate(dir, files[0].path, c); err != nil { // by QQWry
			return err
		}
	}
	return report.write(filepath.Join(c.out, "geo.md"))
}

// file is a database that was made for the run.
type file struct {
	format, path string
	size         int
}

func makeFiles(dir string, c config) (files []file, err error) {
	rows := testdb.Rows4(c.ranges, 30_000, 1)
	for name, make := range map[string]func() []byte{
		"qqwry": func() []byte { return testdb.QQWry(rows) },
		"xdb":   func() []byte { return testdb.XDB(ip2region(rows), 3) },
		"mmdb": func() []byte {
			return testdb.MMDB(testdb.Rows4(c.leaves, 30_000, 1), 28, false, "GeoIP2-City", maxmind)
		},
	} {
		b := make()
		f := file{name, filepath.Join(dir, name), len(b)}
		if err := os.WriteFile(f.path, b, 0o644); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return sorted(files), nil
}

// sorted puts the files in the order in which they are reported.
func sorted(files []file) []file {
	order := map[string]int{"qqwry": 0, "xdb": 1, "mmdb": 2}
	out := make([]file, len(files))
	for _, f := range files {
		out[order[f.format]] = f
	}
	return out
}

// pick takes n random addresses of IPv4 that are not special, always the same.
func pick(n int) []netip.Addr {
	r := rand.New(rand.NewPCG(7, 7))
	all := make([]netip.Addr, 0, n)
	for len(all) < n {
		v := r.Uint32()
		a := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		if _, special := geoip.Special(a); !special {
			all = append(all, a)
		}
	}
	return all
}

// ip2region gives rows the fields of ip2region's files.
func ip2region(rows []testdb.Row) []testdb.Row {
	out := make([]testdb.Row, len(rows))
	for i, r := range rows {
		f := append(strings.Split(r.Text[0], "–"), "0", "0")
		out[i] = testdb.Row{First: r.First, Last: r.Last, Text: []string{f[0], f[1], f[2], r.Text[1], "CN"}}
	}
	return out
}

// maxmind is a record as in GeoIP2 City.
func maxmind(r testdb.Row) any {
	f := append(strings.Split(r.Text[0], "–"), "", "")
	names := func(s string) map[string]any { return map[string]any{"names": map[string]any{"en": s, "zh-CN": s}} }
	country := names(f[0])
	country["iso_code"] = "CN"
	return map[string]any{"country": country, "subdivisions": []any{names(f[1])}, "city": names(f[2]),
		"location": map[string]any{"latitude": 30.5, "longitude": 120.25, "time_zone": "Asia/Shanghai"}}
}
