package testutil

import (
	"net/netip"
	"reflect"
	"testing"
)

func TestParseSS(t *testing.T) {
	for _, c := range []struct {
		line string
		want SSRow
	}{
		{
			`tcp LISTEN 0      16     127.0.0.1:50073 0.0.0.0:* users:(("a b",pid=18150,fd=3),("maker",pid=18143,fd=5)) uid:65534 ino:93614 sk:1c cgroup:/ <->`,
			SSRow{Netid: "tcp", State: "LISTEN", SendQ: 16, Local: netip.MustParseAddrPort("127.0.0.1:50073"), Remote: netip.MustParseAddrPort("0.0.0.0:0"),
				Inode: 93614, UID: 65534, Cookie: 0x1c, Owners: []SSOwner{{"a b", 18150, 3}, {"maker", 18143, 5}}},
		},
		{
			`tcp TIME-WAIT 0 0 [::ffff:127.0.0.1]:43679 [::1]:60824 timer:(timewait,59sec,0) ino:0 sk:20`,
			SSRow{Netid: "tcp", State: "TIME_WAIT", Local: netip.MustParseAddrPort("[::ffff:127.0.0.1]:43679"), Remote: netip.MustParseAddrPort("[::1]:60824"), Cookie: 0x20},
		},
		{
			`udp UNCONN 0 0 [fe80::1]%v1:41250 *:* ino:7 sk:1040`,
			SSRow{Netid: "udp", State: "UNCONN", Local: netip.MustParseAddrPort("[fe80::1%v1]:41250"), Remote: netip.MustParseAddrPort("[::]:0"), Inode: 7, Cookie: 0x1040},
		},
		{
			`u_str ESTAB 0 0 /tmp/x 96322 * 96321 users:(("maker",pid=18583,fd=14)) <-> ino:9978801 dev:0/65024`,
			SSRow{Netid: "u_str", State: "ESTABLISHED", Path: "/tmp/x", Inode: 96322, Peer: 96321, Owners: []SSOwner{{"maker", 18583, 14}}},
		},
	} {
		rows, err := ParseSS([]byte(c.line + "\n"))
		if err != nil || len(rows) != 1 || !reflect.DeepEqual(rows[0], c.want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", c.line, rows, err, c.want)
		}
	}
	if _, err := ParseSS([]byte("tcp NEVER 0 0 1.1.1.1:1 1.1.1.1:1\n")); err == nil {
		t.Error("an unknown state was read")
	}
}
