package alert

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestMain is the command itself where it is started as one.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ALERT_DIR"); dir != "" {
		os.Exit(beCommand(dir, os.Args[1]))
	}
	os.Exit(m.Run())
}

// beCommand does what its argument says.
func beCommand(dir, what string) int {
	mark := filepath.Join(dir, "running") // who finds another one's does not run alone
	f, err := os.OpenFile(mark, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 3
	}
	f.Close()
	defer os.Remove(mark)
	switch what {
	case "note":
		return note(dir)
	case "fail":
		fmt.Fprintln(os.Stderr, "no\nway \x1b[31m out")
		return 4
	case "sleep":
		time.Sleep(time.Minute)
	case "child": // leaves behind what holds its output open
		cmd := exec.Command(os.Args[0], "sleep")
		cmd.Env = append(os.Environ(), "ALERT_DIR="+filepath.Join(dir, "child"))
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Start(); err != nil || save(dir, "pid", strconv.Itoa(cmd.Process.Pid)) != nil {
			return 5
		}
	}
	return 0
}

// note writes down what it was given.
func note(dir string) int {
	input, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 6
	}
	var env []string
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "SOCKEYE_") || name == "NOTIFY_SOCKET" {
			env = append(env, v)
		}
	}
	text, err := json.Marshal(map[string]any{"input": string(input), "env": env, "args": os.Args[1:], "status": status()})
	if err != nil || save(dir, "note-"+os.Getenv("SOCKEYE_PID"), string(text)) != nil {
		return 7
	}
	return 0
}

// status is what the kernel says of the process; nothing elsewhere than on Linux.
func status() string {
	text, _ := os.ReadFile("/proc/self/status")
	return string(text)
}

func save(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
}

// commandHere is a teller whose command is this test.
func commandHere(t *testing.T, cfg Config, what string) *Teller {
	t.Helper()
	t.Setenv("NOTIFY_SOCKET", "/run/nobody")
	t.Setenv("SOCKEYE_TOKEN", "secret")
	teller, err := NewCommand(cfg, []string{os.Args[0], what, "a b", "$HOME"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { teller.Close() })
	return teller
}

// noted is what a command has written down.
type noted struct {
	Input  string
	Env    []string
	Args   []string
	Status string
}

func readNote(t *testing.T, dir string, pid int) (n noted) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, fmt.Sprint("note-", pid)))
	if err == nil {
		err = json.Unmarshal(text, &n)
	}
	if err != nil {
		t.Error(err)
	}
	return n
}

// TestCommand: the command is run once for each piece of the wanted kinds, alone, without a shell, with the object on its input
// and the fields in its environment, whatever letters are in them.
func TestCommand(t *testing.T) {
	cfg, said := testConfig(t)
	cfg.Kinds = []history.NewsKind{history.NewListener, history.NewCountry}
	dir := t.TempDir()
	t.Setenv("ALERT_DIR", dir)
	teller := commandHere(t, cfg, "note")
	if err := teller.Tell(t.Context(), someNews(history.NewListener, history.NewHost, history.NewCountry)); err != nil {
		t.Error(err)
	}
	if c := closed(t, teller); c != (Counts{Told: 2}) || len(said.all()) > 0 {
		t.Errorf("%+v %q", c, said.all())
	}
	if _, err := os.Stat(filepath.Join(dir, "note-4243")); err == nil {
		t.Error("a kind that is not wanted was told")
	}
	n := readNote(t, dir, 4244)
	var object struct {
		Event  string
		Owners []struct{ Name, Exe, Cmdline string }
		Geo    struct{ ISO string }
	}
	if err := json.Unmarshal([]byte(n.Input), &object); err != nil || object.Event != "new_country" || object.Owners[0].Cmdline != "curl -s x" || object.Geo.ISO != "SE" {
		t.Errorf("%v: %s", err, n.Input)
	}
	if want := []string{"note", "a b", "$HOME"}; strings.Join(n.Args, "|") != strings.Join(want, "|") {
		t.Errorf("arguments %q", n.Args)
	}
	env := strings.Join(n.Env, "\n") + "\n"
	for _, v := range []string{"EVENT=new_country", "HOST=box", "PROTO=tcp", "LOCAL=10.0.0.1:4000", "REMOTE=[2001:db8::1]:443", "PROCESS=cu\"rl\n; rm -rf $HOME",
		"PID=4244", "EXE=/usr/bin/curl", "UNIT=a.service", "USER=ann", "COUNTRY=SE", "ASN=64500", "TIME=2026-11-21T12:00:02Z"} {
		if !strings.Contains(env, "SOCKEYE_"+v+"\n") {
			t.Errorf("the environment lacks %s: %s", v, env)
		}
	}
	if strings.Contains(env, "secret") || strings.Contains(env, "NOTIFY_SOCKET") {
		t.Errorf("the command inherits %s", env)
	}
}

// TestCommandFails: what goes wrong is said once, and counted each time.
func TestCommandFails(t *testing.T) {
	cfg, said := testConfig(t)
	t.Setenv("ALERT_DIR", t.TempDir())
	teller := commandHere(t, cfg, "fail")
	_ = teller.Tell(t.Context(), someNews(history.NewHost, history.NewHost))
	c := closed(t, teller)
	if all := said.all(); c != (Counts{Dropped: 2}) || len(all) != 1 || !strings.HasSuffix(all[0], `exit status 4: no way \x1b[31m out`) {
		t.Errorf("%+v %q", c, all)
	}
	if _, err := NewCommand(cfg, []string{filepath.Join(t.TempDir(), "nothing")}); err == nil || !strings.Contains(err.Error(), "the alert command") {
		t.Error(err)
	}
}

// TestCommandHangs: a command that takes too long is killed, and so is what it has started; nothing waits for what has left.
func TestCommandHangs(t *testing.T) {
	for what, want := range map[string]Counts{"sleep": {Dropped: 1}, "child": {Told: 1}} {
		t.Run(what, func(t *testing.T) {
			cfg, said := testConfig(t)
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "child"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("ALERT_DIR", dir)
			began := time.Now()
			teller := start(cfg, &command{cfg: cfg, path: os.Args[0], args: []string{os.Args[0], what}, limit: 2 * time.Second})
			_ = teller.Tell(t.Context(), someNews(history.NewHost))
			testutil.Eventually(t, 10*time.Second, func() error {
				if c := teller.Counts(); c != want {
					return fmt.Errorf("%+v %q", c, said.all())
				}
				return nil
			})
			closed(t, teller)
			if what == "sleep" && (len(said.all()) != 1 || !strings.Contains(said.all()[0], "took longer than 2s and was killed")) {
				t.Errorf("%q after %v", said.all(), time.Since(began))
			}
			endChild(t, dir)
		})
	}
}

// endChild ends what a command has left behind.
func endChild(t *testing.T, dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return
	}
	pid, _ := strconv.Atoi(string(text))
	if p, err := os.FindProcess(pid); err == nil && pid > 1 {
		_ = p.Kill()
	}
}

// TestFull: what has no room is counted and said once, and Close does not wait for a command that hangs.
func TestFull(t *testing.T) {
	cfg, said := testConfig(t)
	t.Setenv("ALERT_DIR", t.TempDir())
	teller := commandHere(t, cfg, "sleep")
	for range 300 {
		if err := teller.Tell(t.Context(), someNews(history.NewHost)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	c := closed(t, teller)
	if took := time.Since(began); took > lastWords+2*time.Second {
		t.Errorf("Close took %v", took)
	}
	if c.Told != 0 || c.Dropped != 300 || said.all()[0] != errFull.Error() {
		t.Errorf("%+v %q", c, said.all())
	}
	if err := teller.Tell(t.Context(), someNews(history.NewHost)); err != nil || teller.Counts().Dropped != 301 {
		t.Errorf("after Close: %v %+v", err, teller.Counts())
	}
}
