package pipe

import (
	"encoding/binary"
	"slices"
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
		`\\.\pipe\Name`:      {name: "Name"},
		`//./pipe/a/b`:       {name: `a\b`},
		`\\.\PIPE\ÉTÉ`:       {name: "ÉTÉ"},
		`\\server\pipe\x`:    {host: "server", name: "x"},
		`\\?\pipe\x`:         {name: "x"},
		"/run/x":             {path: "/run/x"},
		"//run/pipe/x":       {path: "//run/pipe/x"},
		"x":                  {path: "x"},
		`\one\backslash\is\`: {path: `\one\backslash\is\`},

		`\\.\pipe\` + strings.Repeat("長", maxName): {name: strings.Repeat("長", maxName)},
	} {
		if got, err := parseName(s); got != want || err != nil {
			t.Errorf("%s is %+v, %v", s, got, err)
		}
	}
}

func FuzzParseLockFile(f *testing.F) {
	for _, l := range []lockFile{{name: `\\.\pipe\x`, pid: 7, typ: Message, wait: 3, maxInstances: 9}, {}} {
		f.Add(l.text())
	}
	f.Fuzz(func(t *testing.T, s string) {
		l := parseLockFile(s)
		if l.pid < 0 || l.wait < 0 || l.maxInstances < 0 || l.typ > Message {
			t.Errorf("%q is %+v", s, l)
		}
	})
}

func TestLockFile(t *testing.T) {
	want := lockFile{name: `\\.\pipe\a=b`, pid: 7, typ: Message, typeKnown: true, wait: 1500000, maxInstances: 9}
	if got := parseLockFile(want.text()); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// dirEntry is a FILE_FULL_DIR_INFO.
func dirEntry(name string, now, most int32, last bool) []byte {
	b := make([]byte, dirName, 200)
	binary.LittleEndian.PutUint32(b[dirEndOfFile:], uint32(now))
	binary.LittleEndian.PutUint32(b[dirAllocation:], uint32(most))
	binary.LittleEndian.PutUint32(b[dirNameLength:], uint32(2*len(name)))
	for _, c := range name {
		b = append(b, byte(c), byte(c>>8))
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	if !last {
		binary.LittleEndian.PutUint32(b[dirNext:], uint32(len(b)))
	}
	return b
}

func TestParseDirectory(t *testing.T) {
	b := append(dirEntry("one", 3, -1, false), dirEntry("b", 1, 7, true)...)
	want := []Listed{{Name: `\\.\pipe\one`, Instances: 3}, {Name: `\\.\pipe\b`, Instances: 1, MaxInstances: 7}}
	if got, err := parseDirectory(append(b, 1, 2, 3)); !slices.Equal(got, want) || err != nil {
		t.Errorf("%+v %v", got, err)
	}
	if got, err := parseDirectory(b[:len(b)-9]); len(got) != 1 || err == nil {
		t.Errorf("cut: %+v %v", got, err)
	}
}

func FuzzParseDirectory(f *testing.F) {
	f.Add(append(dirEntry("one", 3, -1, false), dirEntry("b", 1, 7, true)...))
	f.Fuzz(func(t *testing.T, b []byte) { parseDirectory(b) })
}
