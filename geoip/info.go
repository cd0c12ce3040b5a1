package geoip

import "time"

// Info describes a database.
type Info struct {
	Path   string
	Size   int64 // of the file, in bytes
	Format Format
	Mapped bool // the file is mapped into memory, not copied there

	// Type is what the file says it is ("GeoLite2-City"), Version its version record ("纯真网络 2024年10月16日IP数据").
	// Built is when it was made; the zero time where it does not tell.
	Type, Version string
	Built         time.Time

	// Ranges is the number of entries in the file's index; 0 where the file is a tree, whose leaves have to be counted
	// with [DB.All].
	Ranges int

	HasIPv4, HasIPv6 bool

	// Languages are those that the file has names in, as it calls them. It is empty where there is one only, which the
	// file does not name.
	Languages []string
}
