package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestServeConfiguration: what the file says counts where no flag does, and what it says wrong is told with its key.
func TestServeConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	load := func(text string, given ...string) (*serveFlags, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		e := realEnv(nil, nil)
		e.Getenv = func(name string) string { return map[string]string{"SOCKEYE_CONFIG": file}[name] }
		f := &serveFlags{record: recordFlags{keep: 7, size: 7}, alert: alertFlags{webhook: "", kinds: []string{"host"}}}
		return f, e.configure(f, func(flag string) bool { return slices.Contains(given, flag) })
	}
	const text = "[history]\nkeep = '30d'\nsize = '1G'\n[alert]\nwebhook = 'https://example.com/x'\nkinds = ['program', 'asn']\n"
	f, err := load(text)
	if err != nil || time.Duration(f.record.keep) != 30*24*time.Hour || f.record.size != 1<<30 || f.alert.webhook != "https://example.com/x" || len(f.alert.kinds) != 2 {
		t.Errorf("%v %+v", err, f)
	}
	f, err = load(text, "history-keep", "history-size", "alert-webhook", "alert-kinds")
	if err != nil || f.record.keep != 7 || f.record.size != 7 || f.alert.webhook != "" || f.alert.kinds[0] != "host" {
		t.Errorf("with flags: %v %+v", err, f)
	}
	for text, says := range map[string]string{"[history]\nkeep = 'soon'": "history.keep: ", "[history]\nsize = '4X'": "history.size: ", "[history]\nkeep = 5": "wrong type: it is a text",
		"[alert]\nkinds = 'x'": "a list of texts", "[alert]\ncommand = 'x'": `there is no key "alert.command"`} {
		if _, err := load(text); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
