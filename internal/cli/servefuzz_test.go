package cli

import (
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

// FuzzActions: whatever an action is sent, it is understood or refused, and what is understood names something.
func FuzzActions(f *testing.F) {
	for _, body := range []string{`{"filter":"dport = 1"}`, `{"sockets":[{"proto":"tcp","cookie":1,"netns":2}]}`, `{"pid":1,"started":"2026-01-02T03:04:05.678Z","signal":"TERM"}`,
		`{"sockets":[{"proto":"udp","local_addr":"fe80::1%eth0","local_port":1,"remote_addr":"::","remote_port":65535}]}`, `{"sockets":[{"cookie":1e300}]}`, `[]`, `{"pid":-1}`, ``} {
		f.Add([]byte(body))
	}
	s := tcp(netstat.Established, "10.0.0.1:1", "10.0.0.2:2")
	f.Fuzz(func(t *testing.T, body []byte) {
		var c closeRequest
		if unpack(body, &c) == nil {
			if c.Filter == "" && len(c.Sockets) == 0 {
				t.Error("nothing is named")
			}
			for i := range c.Sockets {
				n := &c.Sockets[i]
				if n.is(&s) && n.Cookie == 0 && (n.LocalAddr != s.Local.Addr() || n.RemotePort != 2) {
					t.Errorf("%+v is taken for another", n)
				}
				_ = n.without(0, nil)
			}
		}
		var k killRequest
		if unpack(body, &k) == nil && (k.PID <= 0 || k.Started.IsZero()) {
			t.Errorf("%+v", k)
		}
	})
}

// FuzzPast: whatever is asked about the past, it is answered, or refused as the client's error.
func FuzzPast(f *testing.F) {
	path := recorded(f)
	for _, q := range []string{"at=now", "from=today&to=2026-11-21T10:00:00Z", "filter=port+%3D+443&limit=5&format=csv", "by=day&from=last+month", "kind=listener,host", "gone=true",
		"interface=eth0&at=2026-03", "filter=%28%28", "limit=-1", "at=%00", "from=9999-12-31&to=0001-01-01"} {
		f.Add("connections", q)
		f.Add("groups", q)
		f.Add("news", q)
	}
	e := realEnv(io.Discard, io.Discard)
	p := &past{e, &recording{env: e, path: path}}
	f.Fuzz(func(t *testing.T, what, query string) {
		if _, err := url.ParseQuery(query); err != nil || strings.ContainsAny(what, "/?#% \x7f") || strings.ContainsFunc(what+query, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return
		}
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest("GET", "/api/history/"+what+"?"+query, nil))
		if w.Code != 200 && w.Code != 400 {
			t.Errorf("%s?%s: %d %s", what, query, w.Code, w.Body)
		}
	})
}
