package procfs

import (
	"os"
	"testing"
)

const snmpText = `Ip: Forwarding DefaultTTL
Ip: 1 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails
Tcp: 1 200 120000 -1 3141 592 6
Udp: InDatagrams
Udp: 5
`

func TestParseSNMP(t *testing.T) {
	s, err := ParseSNMP([]byte(snmpText))
	if want := (SNMP{ActiveOpens: 3141, PassiveOpens: 592}); err != nil || s != want {
		t.Errorf("%+v, %v; want %+v", s, err, want)
	}
	for _, bad := range []string{"", "Tcp: ActiveOpens\n", "Tcp: ActiveOpens PassiveOpens\nTcp: 1\n", "Tcp: ActiveOpens PassiveOpens\nTcp: 1 x\n"} {
		if _, err := ParseSNMP([]byte(bad)); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestParseSNMPOfThisMachine(t *testing.T) {
	b, err := os.ReadFile("/proc/net/snmp")
	if err != nil {
		t.Skip(err)
	}
	if _, err := ParseSNMP(b); err != nil {
		t.Error(err)
	}
}

func FuzzParseSNMP(f *testing.F) {
	f.Add([]byte(snmpText))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = ParseSNMP(b) })
}
