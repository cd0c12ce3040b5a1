package pipe

import (
	"strings"
	"testing"
)

func FuzzParseAnnouncement(f *testing.F) {
	for _, a := range []announcement{{announceLarge, 1 << 20}, {announceCut, 0}, {announceBye, 1<<64 - 1}} {
		f.Add(a.append(nil))
	}
	f.Add([]byte("sixteen bytes, 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnnouncement(b)
		if err == nil && string(a.append(nil)) != string(b) {
			t.Errorf("%x is %+v", b, a)
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{`\\.\pipe\x`, `//./PIPE/a/b`, `\\host\pipe\x`, "/tmp/x", "//tmp/x", `\\.\pipe\`, `\\?\pipe\É`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseName(s)
		if err != nil {
			return
		}
		if (p.path == "") == (p.name == "") || p.path != "" && (p.path != s || p.host != "") {
			t.Fatalf("%q is %+v", s, p)
		}
		if p.name == "" {
			return
		}
		if q, err := parseName(`\\.\pipe\` + p.name); err != nil && len(p.name) <= maxName || err == nil && q.name != p.name {
			t.Errorf("%q is %+v, and its name %+v %v", s, p, q, err)
		}
		if strings.Contains(p.name, "/") {
			t.Errorf("%q: slash in %q", s, p.name)
		}
	})
}

func TestParseName(t *testing.T) {
	for s, want := range map[string]pipeName{
		`\\.\pipe\Name`:      {name: "name"},
		`//./pipe/a/b`:       {name: `a\b`},
		`\\.\PIPE\ÉTÉ`:       {name: "été"},
		`\\server\pipe\x`:    {host: "server", name: "x"},
		`\\?\pipe\x`:         {name: "x"},
		"/run/x":             {path: "/run/x"},
		"//run/pipe/x":       {path: "//run/pipe/x"},
		"x":                  {path: "x"},
		`\one\backslash\is\`: {path: `\one\backslash\is\`},
	} {
		if got, err := parseName(s); got != want || err != nil {
			t.Errorf("%s is %+v, %v", s, got, err)
		}
	}
}
