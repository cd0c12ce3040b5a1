package netstat

import "testing"

// TestCongestion holds the numbers of enum tcp_ca_state.
func TestCongestion(t *testing.T) {
	for i, want := range []string{"", "open", "disorder", "cwr", "recovery", "loss", "Congestion(6)"} {
		if got := Congestion(i).String(); got != want {
			t.Errorf("%d is %q, want %q", i, got, want)
		}
	}
}
