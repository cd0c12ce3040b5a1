package config

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// parse reads the text of a configuration. Windows' editors put a byte order mark before it.
func parse(path string, text []byte, home string) (*Config, error) {
	c := &Config{File: path}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	known, err := toml.Decode(string(text), c)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: %s", path, plainError(err.Error()))
	}
	if unknown := known.Undecoded(); len(unknown) > 0 {
		return nil, unknownKey(path, text, unknown[0])
	}
	for i := range c.Geo.Databases {
		if c.Geo.Databases[i], err = resolve(c.Geo.Databases[i], filepath.Dir(path), home); err != nil {
			return nil, fmt.Errorf("configuration %s: geo.databases: %w", path, err)
		}
	}
	for i := range c.Geo.Update {
		if err := c.Geo.Update[i].check(); err != nil {
			return nil, fmt.Errorf("configuration %s: [[geo.update]] number %d: %w", path, i+1, err)
		}
	}
	return c, nil
}

// wanted says what a value has to be, by key.
var wanted = map[string]string{"geo": "a table, [geo]", "geo.databases": "a list of texts", "geo.languages": "a list of texts",
	"geo.update": "tables, [[geo.update]]", "history": "a table, [history]", "alert": "a table, [alert]", "alert.kinds": "a list of texts"}

// plainError is an error of the library, without the names of Go's types.
func plainError(text string) string {
	text = strings.TrimPrefix(text, "toml: ")
	where, what, is := strings.Cut(text, "): ")
	if !is || !strings.HasPrefix(what, "incompatible types") && !strings.HasPrefix(what, "type mismatch") {
		return text
	}
	line, key, _ := strings.Cut(where, `(last key "`)
	key = strings.TrimSuffix(key, `"`)
	return strings.TrimSuffix(line, " ") + ": " + key + " has the wrong type: it is " + cmp.Or(wanted[key], "a text")
}

func unknownKey(path string, text []byte, key toml.Key) error {
	if line := lineOf(string(text), key); line > 0 {
		return fmt.Errorf("configuration %s: line %d: there is no key %q", path, line, key.String())
	}
	return fmt.Errorf("configuration %s: there is no key %q", path, key.String())
}

// lineOf finds the line that a key stands in, which the library does not tell of keys that are not wanted; 0 is unknown.
func lineOf(text string, key toml.Key) int {
	table, n := "", 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			header, _, _ := strings.Cut(line, "]")
			table = plainKey(strings.TrimLeft(header, "["))
			if table == plainKey(key.String()) {
				return n
			}
			continue
		}
		name, _, is := strings.Cut(line, "=")
		if is && strings.TrimPrefix(table+"."+plainKey(name), ".") == plainKey(key.String()) {
			return n
		}
	}
	return 0
}

// plainKey is a key without the quotes and spaces that it may be written with.
func plainKey(key string) string {
	return strings.NewReplacer(`"`, "", "'", "", " ", "", "\t", "").Replace(key)
}

// resolve makes a path of the file absolute.
func resolve(path, dir, home string) (string, error) {
	rest, atHome := strings.CutPrefix(path, "~")
	switch {
	case path == "":
		return "", errors.New("an empty path")
	case atHome && home != "" && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator):
		path = filepath.Join(home, rest)
	case !filepath.IsAbs(path):
		path = filepath.Join(dir, path)
	}
	return filepath.Abs(path)
}

// check says what is wrong with an update. It never quotes an address, in which there may be a password.
func (u *Update) check() error {
	switch {
	case u.URL == "":
		return errors.New("url is missing")
	case !fetchable(u.URL):
		return errors.New("url is not one of http or https with a host")
	case u.SHA256URL != "" && !fetchable(u.SHA256URL):
		return errors.New("sha256_url is not one of http or https with a host")
	case u.SHA256 != "" && u.SHA256URL != "":
		return errors.New("sha256 and sha256_url exclude each other")
	}
	if sum, err := hex.DecodeString(u.SHA256); err != nil || u.SHA256 != "" && len(sum) != 32 {
		return errors.New("sha256 is not 64 hex digits")
	}
	return nil
}

func fetchable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
}
