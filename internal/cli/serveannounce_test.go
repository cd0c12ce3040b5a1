package cli

import (
	"bytes"
	"net"
	"strings"
	"testing"
)

// TestAnnounce: the token is shown in a terminal, and never where standard error goes, which may be a log.
func TestAnnounce(t *testing.T) {
	for _, terminal := range []bool{false, true} {
		var out, errs bytes.Buffer
		e := realEnv(&out, &errs)
		e.Terminal = terminal
		r := &serveRun{env: e, flags: new(serveFlags), addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7625}}
		token := "a-token-of-this-test"
		r.token.Store(&token)
		r.announce()
		if strings.Contains(errs.String(), token) || !strings.Contains(errs.String(), "serving http://127.0.0.1:7625/") {
			t.Errorf("terminal %v: standard error has %q", terminal, errs.String())
		}
		if strings.Contains(out.String(), "http://127.0.0.1:7625/#token="+token) != terminal {
			t.Errorf("terminal %v: standard output has %q", terminal, out.String())
		}
	}
}
