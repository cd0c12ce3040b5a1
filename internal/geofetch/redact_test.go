package geofetch

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://example.com/a%20b.mmdb":                     "https://example.com/a%20b.mmdb",
		"https://me:pass@example.com:8443/a?key=k&b=&c#frag": "https://...@example.com:8443/a?key=...&b=...&...",
		"https://me@example.com":                             "https://...@example.com",
		"https://example.com/?secret":                        "https://example.com/?...",
		"https://example.com/?a=b=c;d":                       "https://example.com/?a=...",
		"https://me:pa/ss@example.com/":                      "https://...",
		"https://[::1/":                                      "https://...",
		"me:pass@example.com":                                "...",
		"mailto:me@example.com":                              "...",
		"":                                                   "...",
	} {
		if got := Redact(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

func TestScrub(t *testing.T) {
	inner := errors.New(`proxy "http://u:hush@p:1/x?y=z" and top secret and top%20secret`)
	err := scrub(inner, secrets("http://me:12345@h/?key=top%20secret&n=1"))
	if want := `proxy "http://...@p:1/x?y=..." and ... and ...`; err.Error() != want || !errors.Is(err, inner) {
		t.Errorf("%q, want %q", err, want)
	}
	if scrub(nil, nil) != nil {
		t.Error("an error out of nothing")
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{"https://u:XSECRETX@h/?k=XSECRETX", "http://h/#XSECRETX", "XSECRETX:XSECRETX@h", "http://h:p/?XSECRETX", "http://a/?&=XSECRETX%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		got := Redact(address)
		for _, s := range secrets(address) {
			if strings.Contains(got, s) && !strings.Contains(strings.SplitN(address, "?", 2)[0], s) {
				t.Errorf("%q shows %q: %q", address, s, got)
			}
		}
	})
}

// No message has what is secret in an address, and no server but the one that it is meant for gets it.
func TestSecrets(t *testing.T) {
	testutil.CheckLeaks(t)
	const user, password, key = "somebody", "hush-hush", "licence0123"
	elsewhere := server(t, func(w http.ResponseWriter, r *http.Request) {
		all := r.URL.String()
		for name, values := range r.Header {
			all += name + strings.Join(values, "")
		}
		if strings.Contains(all, key) || r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("told another server: %s", all)
		}
		w.WriteHeader(http.StatusForbidden)
	})
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password || r.URL.Query().Get("key") != key && r.URL.Path == "/" {
			t.Errorf("%s: user %q, password %q", r.URL, u, p)
		}
		switch r.URL.Path {
		case "/self":
			http.Redirect(w, r, "/missing?key="+key, http.StatusFound)
		case "/elsewhere":
			http.Redirect(w, r, elsewhere.URL+"/?signed=xyz123456", http.StatusFound)
		case "/strange":
			w.Header().Set("Location", "http://h:"+key)
			w.WriteHeader(http.StatusFound)
		case "/broken":
			w.Header().Set("Content-Length", "1000")
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	})
	base := strings.Replace(s.URL, "http://", "http://"+user+":"+password+"@", 1)
	for _, address := range []string{
		base + "/missing?key=" + key, base + "/self?key=" + key, base + "/elsewhere?key=" + key, base + "/strange?key=" + key, base + "/broken?key=" + key,
		"http://" + user + ":" + password + "@127.0.0.1:1/?key=" + key,
		"http://" + user + ":" + password + "@127.0.0.1:port" + password + "/?key=" + key,
		"http://" + user + ":" + password + "/" + password + "@127.0.0.1/?key=" + key,
		"ftp://" + user + ":" + password + "@127.0.0.1/?key=" + key,
		"file:///etc/passwd?key=" + key,
		key,
	} {
		for _, src := range []Source{{URL: address}, {URL: s.URL, SHA256URL: address}} {
			src.File = filepath.Join(t.TempDir(), "q.dat")
			_, err := Update(context.Background(), src, quickly)
			if err == nil {
				t.Errorf("%s is answered", address)
				continue
			}
			for _, secret := range []string{user, password, key, "xyz123456"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: %v", address, err)
				}
			}
		}
	}
}
