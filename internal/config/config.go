// Package config reads the user's configuration file.
//
// The file is TOML (toml.io, version 1.0). It names databases and where to fetch them, and what serve records and tells; nothing
// in it is ever run:
//
//	[geo]
//	databases = ["/srv/geo/qqwry.dat", "GeoLite2-ASN.mmdb"]   # the most trusted first
//	languages = ["zh-CN", "en"]                               # the best first
//
//	[[geo.update]]
//	url = "https://example.com/ip2region.xdb"
//	file = "ip2region.xdb"
//	sha256_url = "https://example.com/ip2region.xdb.sha256"   # or sha256 = "64 hex digits"
//
//	[history]
//	keep = "92d"            # as --history-keep and --history-size
//	size = "4G"
//
//	[alert]
//	webhook = "https://example.com/hook"
//	kinds = ["program", "listener", "country"]
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Config is what the file says. What it does not say is empty.
type Config struct {
	Geo     Geo     `toml:"geo"`
	History History `toml:"history"`
	Alert   Alert   `toml:"alert"`

	// File is the file that was read, empty where there is none.
	File string `toml:"-"`
}

// History is about what sockeye serve records. The texts are those of its flags.
type History struct {
	Keep string `toml:"keep"` // --history-keep
	Size string `toml:"size"` // --history-size
}

// Alert is about who is told what is new.
type Alert struct {
	Webhook string   `toml:"webhook"` // --alert-webhook
	Kinds   []string `toml:"kinds"`   // --alert-kinds
}

// Geo is about databases of addresses.
type Geo struct {
	// Databases are paths, the most trusted first. They are absolute here: in the file they are relative to its folder, or
	// begin with ~, the user's home. Where there are none, the usual folders are searched.
	Databases []string `toml:"databases"`
	// Languages are those of names, the best first, as the databases call them.
	Languages []string `toml:"languages"`
	Update    []Update `toml:"update"`
}

// Update is a database that can be fetched.
type Update struct {
	URL       string `toml:"url"`        // http or https
	File      string `toml:"file"`       // as the file has it; empty is the last part of URL
	SHA256    string `toml:"sha256"`     // of what is fetched: 64 hex digits, or empty
	SHA256URL string `toml:"sha256_url"` // where that is published, or empty; not both
}

// maxSize bounds the file, in bytes: no honest one comes near.
const maxSize = 64 << 10

// Load reads the first of [Files] that exists. That none does is no error, unless SOCKEYE_CONFIG names one. An error is one
// line with file, line and key.
func Load(getenv func(string) string) (*Config, error) {
	named := getenv("SOCKEYE_CONFIG") != ""
	for _, path := range Files(getenv) {
		text, err := read(path)
		if errors.Is(err, fs.ErrNotExist) && !named {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		return parse(path, text, home(getenv))
	}
	return new(Config), nil
}

// Files are the places of the configuration, in the order in which they are looked for: the file that SOCKEYE_CONFIG
// names and no other, or else the user's and the system's.
func Files(getenv func(string) string) (files []string) {
	if path := getenv("SOCKEYE_CONFIG"); path != "" {
		return []string{path}
	}
	for _, dir := range folders(getenv) {
		files = append(files, filepath.Join(dir, "sockeye", "config.toml"))
	}
	return files
}

// read reads a file, or the empty device. Opening a fifo would wait for its writer, and could not be interrupted.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() && path != os.DevNull {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(text) > maxSize {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxSize)
	}
	return text, err
}
