package netns

import (
	"strings"
	"testing"
)

const mountinfo = `22 27 0:21 / /proc rw,relatime shared:5 - proc proc rw
401 27 0:4 net:[4026532200] /run/netns/web rw shared:9 - nsfs nsfs rw
402 27 0:4 net:[4026532201] /run/docker/netns/0a1b2c rw - nsfs nsfs rw
403 27 0:4 mnt:[4026532202] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw
404 27 0:4 net:[4026532203] /srv/a\040b rw master:1 propagate_from:2 - nsfs nsfs rw
405 27 0:4 net:[4026532204] /srv/fake rw - ext4 /dev/sda rw
`

func TestParseMounts(t *testing.T) {
	got, err := parseMounts(mountinfo)
	want := []mount{{4026532200, "/run/netns/web"}, {4026532201, "/run/docker/netns/0a1b2c"}, {4026532203, "/srv/a b"}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	if !got[0].named() || got[0].name() != "web" || got[1].named() {
		t.Errorf("names of %+v", got)
	}
	for _, bad := range []string{"x\n", "1 2 3 4 - nsfs nsfs rw\n"} {
		if _, err := parseMounts(bad); err == nil || !strings.Contains(err.Error(), bad[:1]) {
			t.Errorf("%q: error %v", bad, err)
		}
	}
}

func TestParseLink(t *testing.T) {
	for in, want := range map[string]uint64{"net:[4026531840]": 4026531840, "net:[]": 0, "net:[1": 0, "mnt:[1]": 0, "": 0, "net:[-1]": 0} {
		if got, ok := parseLink([]byte(in)); got != want || ok != (want != 0) {
			t.Errorf("parseLink(%q) = %d, %v", in, got, ok)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{`/a`: "/a", `/a\040b`: "/a b", `\134`: `\`, `/x\04`: `/x\04`, `\999`: `\999`, `\`: `\`} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q", in, got)
		}
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add(mountinfo)
	f.Fuzz(func(t *testing.T, text string) {
		ms, _ := parseMounts(text)
		for _, m := range ms {
			_, _ = m.named(), m.name()
		}
	})
}
