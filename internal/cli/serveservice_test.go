package cli

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestServiceArgs: a service gets the flags that were given, with files by their whole names.
func TestServiceArgs(t *testing.T) {
	e := realEnv(nil, nil)
	cmd := e.installCommand()
	if err := cmd.ParseFlags([]string{"--addr", "127.0.0.1:1", "--token-file", "t", "--db", "a", "--db", "b", "--host", "x", "--history-keep", "365d", "--alert-kinds", "program,asn",
		"--alert-command", `notify "a b"`, "--read-only"}); err != nil {
		t.Fatal(err)
	}
	abs := func(name string) string { path, _ := filepath.Abs(name); return path }
	got := serviceArgs(cmd.Flags())
	want := []string{"serve", "--as-service", "--addr=127.0.0.1:1", `--alert-command=notify "a b"`, "--alert-kinds=program", "--alert-kinds=asn", "--db=" + abs("a"), "--db=" + abs("b"),
		"--history-keep=365d", "--host=x", "--read-only=true", "--token-file=" + abs("t")}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	again := e.serveCommand()
	if err := again.ParseFlags(got[1:]); err != nil {
		t.Error(err)
	}
}

// TestServiceElsewhere: other systems say who does it there.
func TestServiceElsewhere(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("here it is done")
	}
	for _, what := range []string{"install", "uninstall"} {
		if code, out, errs := run(nil, "serve", what); code != exitUnknown || out != "" || !strings.Contains(errs, "packaging/sockeye-serve.service") {
			t.Errorf("%s: %d %s %s", what, code, out, errs)
		}
	}
	if code, _, errs := run(nil, "serve", "install", "--interval", "1ms"); code != exitUnknown || !strings.Contains(errs, "at least 100ms") {
		t.Errorf("%d %s", code, errs)
	}
}
