package geoip_test

import (
	"fmt"
	"log"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// exampleFile makes a small QQWry.dat, because none is shipped.
func exampleFile() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "geoip")
	if err != nil {
		log.Fatal(err)
	}
	b := testdb.QQWry([]testdb.Row{
		row("0.0.0.0", "202.96.127.255", "IANA", " CZ88.NET"),
		row("202.96.128.0", "202.96.191.255", "中国–广东–广州", "电信"),
		row("202.96.192.0", "255.255.255.255", "纯真网络", "2024年10月16日IP数据"),
	})
	path = filepath.Join(dir, "qqwry.dat")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		log.Fatal(err)
	}
	return path, func() { os.RemoveAll(dir) }
}

func ExampleOpen() {
	path, remove := exampleFile()
	defer remove()

	db, err := geoip.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{"202.96.128.86", "::ffff:202.96.128.86", "192.168.1.1"} {
		loc, err := db.Lookup(netip.MustParseAddr(s))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(loc.String(), loc.ISO, loc.First, loc.Last, loc.Source, loc.Via)
	}
	// Output:
	// 中国 广东 广州 电信 CN 202.96.128.0 202.96.191.255 qqwry direct
	// 中国 广东 广州 电信 CN 202.96.128.0 202.96.191.255 qqwry mapped
	// Private-Use  192.168.0.0 192.168.255.255 iana direct
}

func ExampleDB_Info() {
	path, remove := exampleFile()
	defer remove()

	db, err := geoip.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	i := db.Info()
	fmt.Println(i.Format, i.Version, i.Built.Format("2006-01-02"), i.Ranges)
	// Output: qqwry 纯真网络 2024年10月16日IP数据 2024-10-16 3
}

func ExampleDB_All() {
	path, remove := exampleFile()
	defer remove()

	db, err := geoip.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	for loc, err := range db.All() {
		if err != nil {
			log.Fatal(err)
		}
		if loc.ISO == "CN" {
			fmt.Println(loc.First, loc.Last, loc.City)
		}
	}
	// Output: 202.96.128.0 202.96.191.255 广州
}

func ExampleSpecial() {
	s, ok := geoip.Special(netip.MustParseAddr("100.64.0.1"))
	fmt.Println(ok, s.Name, s.Prefix, s.RFC, s.Global)
	// Output: true Shared Address Space 100.64.0.0/10 RFC 6598 false
}
