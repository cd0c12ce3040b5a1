package web

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestResolve(t *testing.T) {
	all := Secrets{"token", "cert", "key"}
	for _, c := range []struct {
		addr string
		s    Secrets
		says string // empty: it is fine
	}{
		{"127.0.0.1:0", Secrets{}, ""}, {"[::1]:80", Secrets{}, ""}, {"localhost:80", Secrets{}, ""}, {"127.8.8.8:80", Secrets{}, ""},
		{"0.0.0.0:80", all, ""}, {":80", all, ""}, {"192.0.2.1:80", all, ""}, {"127.0.0.1:80", all, ""},
		{"0.0.0.0:80", Secrets{}, "can be reached"}, {":80", Secrets{}, "can be reached"}, {"[::]:80", Secrets{}, "can be reached"},
		{"192.0.2.1:80", Secrets{TokenFile: "token"}, "can be reached"}, {"192.0.2.1:80", Secrets{"", "cert", "key"}, "can be reached"},
		{"127.0.0.1:80", Secrets{CertFile: "cert"}, "go together"}, {"nonsense", Secrets{}, "HOST:PORT"}, {"127.0.0.1:99999", Secrets{}, "HOST:PORT"},
	} {
		_, err := Resolve(c.addr, c.s)
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s %v: %v, want %q", c.addr, c.s, err, c.says)
		}
	}
}

func TestReadToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for _, c := range []struct {
		text string
		mode os.FileMode
		says string
	}{
		{"0123456789abcdef\n", 0o600, ""}, {" 0123456789abcdef \r\nmore", 0o400, ""}, {"0123456789abcdef", 0o440, ""},
		{"0123456789abcdef", 0o644, "others"}, {"0123456789abcdef", 0o660, "others"}, {"short", 0o600, "needs 16"}, {"", 0o600, "needs 16"},
	} {
		if runtime.GOOS == "windows" && c.says == "others" {
			continue
		}
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		token, err := ReadToken(path)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) || err == nil && token != "0123456789abcdef" {
			t.Errorf("%q %v: %q %v", c.text, c.mode, token, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ReadToken(t.TempDir()); err == nil {
		t.Error("a folder is a token")
	}
}
