package geoip

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/sockeye-net/sockeye/internal/geolegacy"
	"github.com/sockeye-net/sockeye/internal/ipdb"
	"github.com/sockeye-net/sockeye/internal/qqwry"
	"github.com/sockeye-net/sockeye/internal/xdb"
)

// mmdbMarker stands before the metadata of an MMDB, in the last 128 KiB of the file (MaxMind DB File Format
// Specification, "Database Metadata").
const (
	mmdbMarker = "\xab\xcd\xefMaxMind.com"
	mmdbEnd    = 128 << 10
)

// sniff tells the format of a file by its head and its end, or 0. Forms with a magic come first; QQWry.dat and xdb have
// none, but headers that fit a file by chance are not to be expected.
func sniff(b []byte) Format {
	switch {
	case endsMMDB(b):
		return MMDB
	case bytes.HasPrefix(b, []byte(qqwry.Magic6)):
		return IPv6Wry
	case ipdb.Looks(b):
		return IPDB
	case opens(xdb.Open(b)):
		return XDB
	case opens(qqwry.Open(b)):
		return QQWry
	case geolegacy.Looks(b):
		return GeoIPDat
	}
	return 0
}

func endsMMDB(b []byte) bool { return bytes.Contains(b[max(0, len(b)-mmdbEnd):], []byte(mmdbMarker)) }

// isText tells that a file begins like a text, which no database does: it mostly is what a server said instead of sending one.
func isText(b []byte) bool {
	return !bytes.ContainsFunc(b[:min(len(b), 512)], func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\n\f\r", r) })
}

// named tells the format that a file should have by its name, or 0.
func named(path string) Format {
	name := strings.ToLower(filepath.Base(path))
	switch filepath.Ext(name) {
	case ".mmdb":
		return MMDB
	case ".xdb":
		return XDB
	case ".ipdb":
		return IPDB
	}
	switch {
	case strings.HasPrefix(name, "qqwry"):
		return QQWry
	case strings.HasPrefix(name, "ipv6wry"):
		return IPv6Wry
	case strings.HasPrefix(name, "geoip"), strings.HasPrefix(name, "geolite"):
		return GeoIPDat
	}
	return 0
}

func opens[T any](_ *T, err error) bool { return err == nil }
