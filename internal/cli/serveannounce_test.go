package cli

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"
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

// TestStopHeldOpen: who stops the server and keeps the pipe open does not keep the server.
func TestStopHeldOpen(t *testing.T) {
	s := serveHere(t, "--no-history")
	conn, err := dialServer(t.Context(), s.pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	if _, err := request(conn, controlRequest{Op: "stop"}); err != nil {
		t.Fatal(err)
	}
	if code := <-s.done; code != exitFound || time.Since(began) > 10*time.Second {
		t.Errorf("it ends with %d after %v", code, time.Since(began))
	}
	s.done <- 0
}
