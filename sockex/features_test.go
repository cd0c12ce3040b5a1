package sockex

import (
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func feature(t *testing.T, name string) Feature {
	t.Helper()
	for _, f := range Features() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no feature is called %q", name)
	return Feature{}
}

func TestFeatures(t *testing.T) {
	testutil.CheckLeaks(t)
	seen := map[string]bool{}
	for _, f := range Features() {
		t.Logf("%-30s %-9v %5d  %s", f.Name, f.How, f.Limit, f.By)
		if f.Name == "" || f.By == "" || seen[f.Name] || f.How > Native {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
	for _, name := range []string{"AcceptEx", "GetAcceptExSockaddrs", "ConnectEx", "DisconnectEx", "TransmitFile", "TransmitPackets on a stream", "TransmitPackets of datagrams"} {
		if f := feature(t, name); f.How == Missing {
			t.Errorf("%+v", f)
		}
	}
	for how, text := range map[How]string{Missing: "missing", Emulated: "emulated", Native: "native"} {
		if how.String() != text {
			t.Errorf("%d is %q", how, how)
		}
	}
}
