package config

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func vars(pairs ...string) func(string) string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const sum = "0123456789abcdefABCDEF00000000000000000000000000000000000000ffff"

func TestLoad(t *testing.T) {
	path := write(t, "\ufeff# ours\r\n[geo]\r\ndatabases = ['a.mmdb', 'sub/b.dat', '~/c.xdb', '~d']\r\nlanguages = [\"zh-CN\", \"en\"]\r\n"+
		"[[geo.update]]\r\nurl = 'https://user:pw@example.com/x?key=1'\r\nfile = 'x.mmdb'\r\nsha256 = '"+sum+"'\r\n"+
		"[[geo.update]]\r\nurl = 'http://[::1]:8080/y'\r\nsha256_url = 'https://example.com/y.sha256'\r\n")
	dir, home := filepath.Dir(path), t.TempDir()
	abs := filepath.Join(home, "abs.mmdb")
	c, err := Load(vars("SOCKEYE_CONFIG", path, "HOME", home, "USERPROFILE", home))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{File: path, Geo: Geo{
		Databases: []string{filepath.Join(dir, "a.mmdb"), filepath.Join(dir, "sub", "b.dat"), filepath.Join(home, "c.xdb"), filepath.Join(dir, "~d")},
		Languages: []string{"zh-CN", "en"},
		Update: []Update{{URL: "https://user:pw@example.com/x?key=1", File: "x.mmdb", SHA256: sum},
			{URL: "http://[::1]:8080/y", SHA256URL: "https://example.com/y.sha256"}},
	}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	c, err = Load(vars("SOCKEYE_CONFIG", write(t, "geo.databases = ['"+abs+"']")))
	if err != nil || !reflect.DeepEqual(c.Geo.Databases, []string{abs}) {
		t.Errorf("%v %+v", err, c)
	}
}

// TestErrors: each is one line that names file, line and key, and never shows what may be secret.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"geoo = 1":                                     `line 1: there is no key "geoo"`,
		"\n[geo]\n\n  database = ['x']":                `line 4: there is no key "geo.database"`,
		"[geo]\n\"data bases\" = 1":                    `there is no key "geo.\"data bases\""`,
		"[geo]\n[geo.extra]\nx = 1":                    `line 2: there is no key "geo.extra"`,
		"[[geo.update]]\nurl='http://a'\nsecret = 'x'": `line 3: there is no key "geo.update.secret"`,
		"geo.x = 1":                                    `line 1: there is no key "geo.x"`,
		"[geo]\ndatabases = 'x'":                       `line 2: geo.databases has the wrong type: it is a list of texts`,
		"[geo]\ndatabases = [1]":                       `geo.databases has the wrong type: it is a list of texts`,
		"geo = 5":                                      `line 1: geo has the wrong type: it is a table, [geo]`,
		"[geo]\nupdate = 'x'":                          `line 2: geo.update has the wrong type: it is tables, [[geo.update]]`,
		"[[geo.update]]\nurl = 7":                      `line 2: geo.update.url has the wrong type: it is a text`,
		"[geo]\nlanguages = [\"en\"":                   `line 2`,
		"[geo\n":                                       `line 2`,
		"x = \"\xff\"":                                 `line 1`,
		"[geo]\n[geo]":                                 `line 2`,
		"[geo]\ndatabases = ['']":                      `geo.databases: an empty path`,
		"[[geo.update]]\nfile = 'x'":                   `[[geo.update]] number 1: url is missing`,
		"[[geo.update]]\nurl='ftp://u:secret@a/'":      `number 1: url is not one of http or https with a host`,
		"[[geo.update]]\nurl='file:///etc/secret'":     `url is not one of http or https with a host`,
		"[[geo.update]]\nurl='https:///secret'":        `url is not one of http or https with a host`,
		"[[geo.update]]\nurl='http://secret\\x7f'":     `url is not one of http or https with a host`,
		"[[geo.update]]\nurl='http://a'\n[[geo.update]]\nurl='http://a'\nsha256='secret'": `number 2: sha256 is not 64 hex digits`,
		"[[geo.update]]\nurl='http://a'\nsha256='abcd'":                                   `number 1: sha256 is not 64 hex digits`,
		"[[geo.update]]\nurl='http://a'\nsha256_url='secret'":                             `sha256_url is not one of http or https`,
		"[[geo.update]]\nurl='http://a'\nsha256_url='http://a'\nsha256='" + sum + "'":     `sha256 and sha256_url exclude each other`,
		strings.Repeat("#", maxSize+1):                                                    `is larger than 65536 bytes`,
	} {
		path := write(t, text)
		_, err := Load(vars("SOCKEYE_CONFIG", path))
		if err == nil {
			t.Errorf("%.60q is accepted", text)
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) || !strings.Contains(got, path) || strings.Contains(got, "\n") ||
			strings.Contains(got, "secret") && !strings.Contains(want, "secret") {
			t.Errorf("%.60q: %s", text, got)
		}
	}
}

// TestWhichFile: the one that is named and no other, or the user's, or none.
func TestWhichFile(t *testing.T) {
	dir := t.TempDir()
	user := vars("XDG_CONFIG_HOME", dir, "AppData", dir)
	c, err := Load(user)
	if err != nil || c.File == filepath.Join(dir, "sockeye", "config.toml") {
		t.Fatalf("%v %+v", err, c)
	}
	if err := os.Mkdir(filepath.Join(dir, "sockeye"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "sockeye", "config.toml")
	if err := os.WriteFile(file, []byte("[geo]\nlanguages=['ja']"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = Load(user); err != nil || c.File != file || c.Geo.Languages[0] != "ja" {
		t.Errorf("%v %+v", err, c)
	}
	missing := filepath.Join(dir, "missing.toml")
	if _, err = Load(vars("SOCKEYE_CONFIG", missing, "XDG_CONFIG_HOME", dir, "AppData", dir)); err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("a file that is named and not there: %v", err)
	}
	if c, err = Load(vars("SOCKEYE_CONFIG", os.DevNull)); err != nil || len(c.Geo.Databases) > 0 {
		t.Errorf("%v", err)
	}
	if _, err = Load(vars("SOCKEYE_CONFIG", dir)); err == nil {
		t.Error("a folder is read")
	}
}

func TestFiles(t *testing.T) {
	if runtime.GOOS == "windows" {
		got := Files(vars("AppData", `C:\U\AppData\Roaming`, "ProgramData", `C:\ProgramData`))
		if want := []string{`C:\U\AppData\Roaming\sockeye\config.toml`, `C:\ProgramData\sockeye\config.toml`}; !reflect.DeepEqual(got, want) {
			t.Errorf("%q", got)
		}
		return
	}
	for _, c := range []struct {
		vars []string
		want []string
	}{
		{nil, []string{"/etc/sockeye/config.toml"}},
		{[]string{"HOME", "/home/u"}, []string{"/home/u/.config/sockeye/config.toml", "/etc/sockeye/config.toml"}},
		{[]string{"HOME", "/home/u", "XDG_CONFIG_HOME", "/c"}, []string{"/c/sockeye/config.toml", "/etc/sockeye/config.toml"}},
		{[]string{"HOME", "/home/u", "XDG_CONFIG_HOME", "relative"}, []string{"/home/u/.config/sockeye/config.toml", "/etc/sockeye/config.toml"}},
		{[]string{"HOME", "/home/u", "SOCKEYE_CONFIG", "x"}, []string{"x"}},
	} {
		if got := Files(vars(c.vars...)); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %q", c.vars, got)
		}
	}
}

// FuzzParse: whatever the file holds, it is a configuration that holds what Config promises, or one line.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"", "[geo]\ndatabases = ['a']\nlanguages=['en']", "[[geo.update]]\nurl='http://a/b'\nsha256='" + sum + "'",
		"[geo]\nx = 1", "geo = [[[[[", "[geo]\ndatabases = ['~/x', '/y']", "\xef\xbb\xbf[geo]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parse("/conf/config.toml", text, "/home/u")
		if err != nil {
			return
		}
		for _, path := range c.Geo.Databases {
			if !filepath.IsAbs(path) {
				t.Errorf("%q is relative", path)
			}
		}
		for i := range c.Geo.Update {
			if u := &c.Geo.Update[i]; !strings.HasPrefix(strings.ToLower(u.URL), "http") || len(u.SHA256) != 0 && len(u.SHA256) != 64 {
				t.Errorf("%+v", u)
			}
		}
	})
}
