package cli

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/netip"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

func TestWho(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		code int
	}{
		"who-8080.txt": {"who 8080", exitFound}, "who-8080-a.txt": {"who 8080/tcp -a", exitFound},
		"who-http-alt.json": {"who http-alt --json", exitFound}, "who-53.txt": {"who 53", exitFound}, "who-53-tcp.txt": {"who domain/tcp", exitNotFound},
		"who-81.txt": {"who 81", exitNotFound}, "who-1.txt": {"who 1", exitNotFound}, "who-631.txt": {"who 631", exitUnknown},
		"who-2049.txt": {"who 2049", exitNotFound}, "who-50000.txt": {"who 50000", exitFound}, "who-many.txt": {"who 8080/tcp 1 53/udp", exitNotFound},
		"who-worst.txt": {"who 1 631 8080", exitUnknown}, "who-proxy.txt": {"who 16379", exitFound},
		"who-csv.txt": {"who 8080 --csv", exitFound}, "who-jsonl.txt": {"who 53 --jsonl", exitFound},
	} {
		w := newWorld(t)
		w.check(t, c.line, c.code, "")
		golden(t, name, w.out.String())
	}
}

func TestWhoJSON(t *testing.T) {
	w := newWorld(t)
	w.check(t, "who 8080 53/udp --json", exitFound, "")
	var doc struct {
		Schema int
		Ports  []struct {
			Port    int
			Proto   string
			Sockets []map[string]any
		}
	}
	if err := json.Unmarshal(w.out.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != 1 || len(doc.Ports) != 3 || doc.Ports[1].Proto != "udp" || doc.Ports[1].Sockets == nil || len(doc.Ports[0].Sockets) != 5 {
		t.Errorf("%+v", doc)
	}
}

func TestWhoQuery(t *testing.T) {
	w := newWorld(t)
	w.check(t, "who 53 8080 53", exitFound, "")
	want := netstat.Query{Protos: netstat.QueryTCP | netstat.QueryUDP, LocalPorts: []uint16{53, 8080}, Owner: netstat.OwnerModule, Ordered: true}
	if !reflect.DeepEqual(w.table.queries, []netstat.Query{want}) {
		t.Errorf("%+v", w.table.queries)
	}
}

func TestWhoBadUsage(t *testing.T) {
	w := newWorld(t)
	for _, arg := range []string{"0", "70000", "foo", "80/sctp", "-1", "", "/tcp"} {
		w.err.Reset()
		if code := w.Run(t.Context(), []string{"who", "--", arg}); code != exitUnknown || w.err.Len() == 0 {
			t.Errorf("who %q: exit %d, %s", arg, code, w.err.String())
		}
	}
	w.check(t, "who 99999", exitUnknown, "sockeye: \"99999\": a port is a number from 1 to 65535 or the name of a service, and may end in /tcp or /udp\n")
	w.check(t, "who", exitUnknown, "sockeye: requires at least 1 arg(s), only received 0\n")
	w.table.readErr = errors.New("no way")
	w.check(t, "who 80", exitUnknown, "sockeye: no way\n")
}

func TestParseProxy(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		port uint16
		want proxy
	}{
		{"docker-proxy", []string{"/usr/bin/docker-proxy", "-container-ip=fd00::2", "-container-port=80"}, 8080,
			proxy{netip.MustParseAddr("fd00::2"), 80, "a Docker container at [fd00::2]:80"}},
		{"conmon", []string{"/usr/bin/conmon", "--api-version", "1", "-c", "0123456789abcdef", "-n", "web"}, 80, proxy{text: "the Podman container web 0123456789ab"}},
		{"conmon", []string{"conmon"}, 80, proxy{text: "a Podman container"}},
		{"pasta.avx2", []string{"/usr/bin/pasta", "--config-net", "-t", "127.0.0.1/8000-8010:80-90,22", "-u", "none", "--netns", "/run/n"}, 8003,
			proxy{port: 83, text: "a container behind pasta (--netns /run/n)"}},
		{"slirp4netns", []string{"slirp4netns", "-c", "4711", "tap0"}, 80, proxy{text: "a container's user-mode network (4711 tap0)"}},
		{"rootlessport", nil, 80, proxy{text: "a rootless container; its engine (podman ps, docker ps) knows which one"}},
	} {
		if got, ok := parseProxy(c.name, c.args, netstat.TCP, c.port); !ok || got != c.want {
			t.Errorf("%s %v: %+v", c.name, c.args, got)
		}
	}
	if _, ok := parseProxy("nginx", []string{"nginx"}, netstat.TCP, 80); ok {
		t.Error("nginx is taken for a proxy")
	}
}

// TestProxyUnsure: without the container's addresses every namespace with a listener is a possibility, and said to be one.
func TestProxyUnsure(t *testing.T) {
	w := newWorld(t)
	w.LocalAddrs = func(int) []netip.Addr { return nil }
	w.check(t, "who 16379", exitFound, "")
	golden(t, "who-proxy-unsure.txt", w.out.String())
	w.table.sockets = w.table.sockets[:10]
	w.check(t, "who 16379", exitFound, "")
	golden(t, "who-proxy-unseen.txt", w.out.String())
}

func TestParseLocalAddrs(t *testing.T) {
	trie := "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 172.17.0.0/16 2 0 2\n        |-- 172.17.0.0\n" +
		"           /16 link UNICAST\n        |-- 172.17.0.2\n           /32 host LOCAL\n        |-- 172.17.255.255\n           /32 link BROADCAST\n"
	if got := parseFibTrie(trie + trie); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("172.17.0.2")}) {
		t.Errorf("%v", got)
	}
	inet6 := "fe800000000000000042acfffe110002 5a 40 20 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\nshort\n"
	if got := parseIfInet6(inet6); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("fe80::42:acff:fe11:2"), netip.IPv6Loopback()}) {
		t.Errorf("%v", got)
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 90 * time.Second: "90 s", time.Hour: "60 min", 3 * time.Hour: "3 h", 100 * time.Hour: "4 days"} {
		if got := ago(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func TestSetup(t *testing.T) {
	w := newWorld(t)
	var got netstat.PinConfig
	w.Pin = func(c netstat.PinConfig) error { got = c; return nil }
	w.check(t, "setup --everyone --max-sockets 1000", exitFound, "")
	if got != (netstat.PinConfig{Everyone: true, MaxSockets: 1000}) || w.out.String() != saysEveryone+saysDone {
		t.Errorf("%+v %s", got, w.out.String())
	}
	w.Pin = func(netstat.PinConfig) error { return &netstat.OpError{Op: "pin", Err: fs.ErrPermission} }
	w.check(t, "setup", exitUnknown, "sockeye: setup needs root: run it with sudo (netstat: pin: permission denied)\n")
	w.Unpin = func() error { return errors.ErrUnsupported }
	w.check(t, "setup --undo", exitUnknown, "sockeye: undo does not work on this system (unsupported operation); see sockeye doctor\n")
	w.check(t, "setup --undo --everyone", exitUnknown, "sockeye: if any flags in the group [undo everyone] are set none of the others can be; [everyone undo] were all set\n")
}

func TestDoctor(t *testing.T) {
	w := newWorld(t)
	w.Probe = func() []netstat.Capability {
		return []netstat.Capability{{Name: "sock-diag", Works: true, Detail: "answers"}, {Name: "bpf-walker", Detail: "refused", Remedy: "run as root"}}
	}
	w.check(t, "doctor", exitNotFound, "")
	golden(t, "doctor.txt", strings.ReplaceAll(w.out.String(), w.version(), "VERSION"))
	w.table.sockets = w.table.sockets[:3]
	w.check(t, "doctor --json", exitFound, "")
	golden(t, "doctor.json", strings.ReplaceAll(w.out.String(), w.version(), "VERSION"))
	if !json.Valid(w.out.Bytes()) {
		t.Error("no JSON")
	}
	w.table.readErr = errors.New("no way")
	w.check(t, "doctor", exitUnknown, "")
}

func TestVersion(t *testing.T) {
	w := newWorld(t)
	w.Build = func() (*debug.BuildInfo, bool) {
		return &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}}, true
	}
	for _, line := range []string{"version", "--version"} {
		w.check(t, line, exitFound, "")
		if got := w.out.String(); got != w.version()+"\n" || got[:35] != "sockeye v1.2.3 0123456789ab modified"[:35] {
			t.Errorf("%s", got)
		}
	}
}

func TestParseFiles(t *testing.T) {
	users := parsePasswd("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\n\nbad\nwww:x:33:33::/:\nx:x:no:1::/:\n")
	if !reflect.DeepEqual(users, map[uint32]string{0: "root", 33: "www"}) {
		t.Errorf("%v", users)
	}
	services := "# comment\nhttp 80/tcp www # web\nbad\nodd x/tcp\n"
	for name, want := range map[string]uint16{"www": 80, "HTTP": 80, "odd": 0, "80/tcp": 0} {
		if got, ok := findService(services, name); got != want || ok != (want != 0) {
			t.Errorf("%s: %d", name, got)
		}
	}
}
