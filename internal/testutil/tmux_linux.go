package testutil

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// Tmux is a real terminal, of a tmux server of its own, in which a program runs.
type Tmux struct {
	t   testing.TB
	dir string
}

// StartTmux runs a command line of the shell in a terminal of a size. The terminal stays when the command ends.
func StartTmux(t testing.TB, width, height int, line string, env ...string) *Tmux {
	t.Helper()
	NeedTool(t, "tmux")
	dir, err := os.MkdirTemp("/tmp", "tmux-") // short, since a Unix socket's path has 108 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	x := &Tmux{t: t, dir: dir}
	t.Cleanup(x.end)
	x.env(env, "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "printf 'before\\n'; "+line+"; echo left with $?; stty -a; exec sleep 600")
	x.Do("set-option", "-g", "window-size", "manual")
	return x
}

func (x *Tmux) env(env []string, args ...string) string {
	x.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-u", "-f", "/dev/null", "-S", x.dir + "/s"}, args...)...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/", "SHELL=/bin/sh", "LANG=C.UTF-8", "TERM=xterm-256color"}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.t.Fatalf("tmux %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Do runs a command of tmux, and returns what it prints.
func (x *Tmux) Do(args ...string) string {
	x.t.Helper()
	return x.env(nil, args...)
}

func (x *Tmux) end() {
	cmd := exec.Command("tmux", "-S", x.dir+"/s", "kill-server")
	_ = cmd.Run() // it may be gone
	os.RemoveAll(x.dir)
}

// Screen is what the terminal shows, without colours.
func (x *Tmux) Screen() string { x.t.Helper(); return x.Do("capture-pane", "-p") }

// Colors is what the terminal shows, with the sequences of colours.
func (x *Tmux) Colors() string { x.t.Helper(); return x.Do("capture-pane", "-p", "-e") }

// Keys presses keys, by tmux's names.
func (x *Tmux) Keys(keys ...string) {
	x.t.Helper()
	x.Do(append([]string{"send-keys"}, keys...)...)
}

// Type sends bytes as they are.
func (x *Tmux) Type(text string) { x.t.Helper(); x.Do("send-keys", "-l", text) }

// Resize makes the terminal another size.
func (x *Tmux) Resize(width, height int) {
	x.t.Helper()
	x.Do("resize-window", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height))
}

// Is asks for a format of tmux, such as "#{alternate_on}".
func (x *Tmux) Is(format string) string {
	x.t.Helper()
	return strings.TrimSpace(x.Do("display-message", "-p", format))
}

// Wait waits until the screen has all the parts, and returns it.
func (x *Tmux) Wait(parts ...string) (screen string) {
	x.t.Helper()
	return x.Until(func(s string) error {
		for _, p := range parts {
			if !strings.Contains(s, p) {
				return fmt.Errorf("%q is not in\n%s", p, s)
			}
		}
		return nil
	})
}

// Until waits until the screen is as it should be, and returns it.
func (x *Tmux) Until(check func(screen string) error) (screen string) {
	x.t.Helper()
	Eventually(x.t, 15*time.Second, func() error {
		screen = x.Screen()
		return check(screen)
	})
	return screen
}

// Restored waits until the program has ended with a line, and checks that the terminal is as it was before.
func (x *Tmux) Restored(end string) {
	x.t.Helper()
	screen := x.Wait("before", end, "extproc") // the last of stty's words
	if is := x.Is("#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{keypad_flag} #{keypad_cursor_flag}"); is != "0 1 0 0 0" {
		x.t.Error("afterwards the terminal is", is)
	}
	for _, on := range []string{" echo ", " icanon ", " isig ", " icrnl ", " opost "} {
		if !strings.Contains(strings.NewReplacer("\n", " ", ";", " ").Replace(screen)+" ", on) {
			x.t.Errorf("%s is off:\n%s", on, screen)
		}
	}
}
