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

// TestWhoQueries: sockets without an owner take long to find, so they are asked for only where nothing else was found, or
// where the answer is to be complete.
func TestWhoQueries(t *testing.T) {
	const both = netstat.QueryTCP | netstat.QueryUDP
	held := func(protos netstat.Protos, ports ...uint16) netstat.Query {
		return netstat.Query{Protos: protos, LocalPorts: ports, Owner: netstat.OwnerModule, Ordered: true, Held: true}
	}
	full := func(protos netstat.Protos, ports ...uint16) netstat.Query {
		q := held(protos, ports...)
		q.Held = false
		return q
	}
	for line, c := range map[string]struct {
		code int
		want []netstat.Query
	}{
		"who 53 8080 53":     {exitFound, []netstat.Query{held(both, 53, 8080)}},
		"who 81":             {exitNotFound, []netstat.Query{held(both, 81), full(both, 81)}},
		"who 2049/tcp":       {exitNotFound, []netstat.Query{held(netstat.QueryTCP, 2049), full(netstat.QueryTCP, 2049)}},
		"who 631":            {exitUnknown, []netstat.Query{held(both, 631), full(both, 631)}},
		"who 8080 81/tcp 1":  {exitNotFound, []netstat.Query{held(both, 1, 81, 8080), full(both, 1, 81)}},
		"who 8080 53/tcp":    {exitNotFound, []netstat.Query{held(both, 53, 8080), full(netstat.QueryTCP, 53)}},
		"who 53/udp 53/tcp":  {exitNotFound, []netstat.Query{held(both, 53), full(netstat.QueryTCP, 53)}},
		"who 8080 --json":    {exitFound, []netstat.Query{full(both, 8080)}},
		"who 8080 --jsonl":   {exitFound, []netstat.Query{full(both, 8080)}},
		"who 8080 --csv":     {exitFound, []netstat.Query{full(both, 8080)}},
		"who 8080 -a":        {exitFound, []netstat.Query{full(both, 8080)}},
		"who 81 --json":      {exitNotFound, []netstat.Query{full(both, 81)}},
		"who 8080 50000/tcp": {exitFound, []netstat.Query{held(both, 8080, 50000)}},
	} {
		w := newWorld(t)
		w.check(t, line, c.code, "")
		if !reflect.DeepEqual(w.table.queries, c.want) || w.table.opened != 1 || !w.table.closed {
			t.Errorf("%s: opened %d times, asks for %+v", line, w.table.opened, w.table.queries)
		}
	}
}

// TestWhoMerges: of two readings, each port's sockets are from one of them, and what is missing is said once.
func TestWhoMerges(t *testing.T) {
	w := newWorld(t)
	w.table.partial = []error{errors.New("half is hidden")}
	w.check(t, "who 8080 81 53/udp 53/tcp", exitNotFound, "sockeye: note: half is hidden\n")
	golden(t, "who-merged.txt", w.out.String())
}

// TestWhoHidden: of sockets whose owner is hidden each user and unit is named.
func TestWhoHidden(t *testing.T) {
	w := newWorld(t)
	hidden := func(state netstat.State, remote string, uid uint32, unit string, m netstat.Missing) netstat.Socket {
		s := without(tcp(state, "10.0.0.1:80", remote), m)
		s.UID, s.Module = uid, unit
		return s
	}
	w.table.sockets = []netstat.Socket{
		hidden(netstat.Listen, "0.0.0.0:0", 0, "", netstat.MissingPermission),
		hidden(netstat.Established, "192.0.2.1:1", 33, "", netstat.MissingPermission),
		hidden(netstat.Listen, "0.0.0.0:0", 0, "", netstat.MissingPermission),
		hidden(netstat.Established, "192.0.2.1:2", 33, "", netstat.MissingPermission),
		hidden(netstat.Established, "192.0.2.1:3", 33, "web.service", netstat.MissingPermission),
		hidden(netstat.Established, "192.0.2.1:4", 33, "web.service", netstat.MissingUnknown),
	}
	w.check(t, "who 80", exitUnknown, "")
	golden(t, "who-hidden.txt", w.out.String())
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
	w.check(t, "who", exitUnknown, "sockeye: who needs a port, as in sockeye who 8080\n")
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
	w.check(t, "setup --everyone --max-sockets 4096", exitFound, "")
	if got != (netstat.PinConfig{Everyone: true, MaxSockets: 4096}) || w.out.String() != saysEveryone+saysDone {
		t.Errorf("%+v %s", got, w.out.String())
	}
	w.check(t, "setup", exitFound, "")
	if got != (netstat.PinConfig{}) || w.out.String() != saysRoot+saysDone {
		t.Errorf("%+v %s", got, w.out.String())
	}
	w.Unpin = func() error { return errors.ErrUnsupported }
	w.check(t, "setup --undo", exitUnknown, "sockeye: undo does not work on this system (unsupported operation); see sockeye doctor\n")
	w.check(t, "setup --undo --everyone", exitUnknown, "sockeye: if any flags in the group [undo everyone] are set none of the others can be; [everyone undo] were all set\n")
	w.check(t, "setup --help", exitFound, "")
	if help := w.out.String(); strings.Contains(help, "/sys/fs/bpf") || !strings.Contains(help, "in a BPF file\nsystem under /run") {
		t.Errorf("%s", help)
	}
}

// TestSetupFails: what failed has not been announced.
func TestSetupFails(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		err  error
		says string
	}{
		{&netstat.OpError{Op: "pin", Err: fs.ErrPermission}, "setup needs root: run it with sudo (netstat: pin: permission denied)"},
		{&netstat.OpError{Op: "pin", Err: errors.ErrUnsupported}, "setup does not work on this system (netstat: pin: unsupported operation); see sockeye doctor"},
		{errors.New("no way"), "setup: no way; see sockeye doctor"},
	} {
		w.Pin = func(netstat.PinConfig) error { return c.err }
		w.check(t, "setup --everyone", exitUnknown, "sockeye: "+c.says+"\n")
		if w.out.Len() > 0 {
			t.Errorf("%v: says %q", c.err, w.out.String())
		}
	}
}

// TestSetupTooSmall: a pinned walker that no machine could use is refused.
func TestSetupTooSmall(t *testing.T) {
	w := newWorld(t)
	w.Pin = func(netstat.PinConfig) error { t.Error("pinned"); return nil }
	for _, n := range []string{"4095", "1", "0", "-1"} {
		w.check(t, "setup --max-sockets "+n, exitUnknown, "sockeye: --max-sockets "+n+" is too few to be of use: 4096 is the least\n")
	}
}

func TestDoctor(t *testing.T) {
	w := newWorld(t)
	w.vars["SOCKEYE_GEO_PATH"] = "/geo"
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
