package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func TestFullDisk(t *testing.T) {
	for _, line := range []string{"", "--json", "--jsonl", "--csv", "who 1 --json", "version", "traffic --count 1", "traffic --json --count 1", "traffic --csv"} {
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			testutil.Lack(t, err.Error())
		}
		cmd := program(t, strings.Fields(line)...)
		cmd.Stdout = full
		finish(t, cmd).oneLine(t, "sockeye: writing the output: ")
		full.Close()
	}
}

// TestBrokenPipe: whose reader has seen enough ends quietly.
func TestBrokenPipe(t *testing.T) {
	for _, line := range []string{"", "--json", "--csv", "who 1", "version"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := program(t, strings.Fields(line)...)
		cmd.Stdout = w
		finish(t, cmd).check(t, 0, "")
		w.Close()
	}
}

func TestTerminal(t *testing.T) {
	_, port := listenTCP(t)
	for _, line := range []string{"", "-tanp", "-tlpe", "-tei", "-xap", "-tuxeip", "sport = " + port, "--sort -local_port"} {
		for _, width := range []uint16{80, 120} {
			text := onTerminal(t, width, nil, line)
			narrow(t, line, text, int(width))
			if line == "" && !strings.Contains(text, "\x1b[32mLISTEN") {
				t.Errorf("no colour in\n%s", text)
			}
		}
	}
	text := onTerminal(t, 80, []string{"NO_COLOR=1"}, "-tanp sport = "+port)
	if strings.Contains(text, "\x1b") || !strings.Contains(text, "127.0.0.1:"+port) || !strings.Contains(text, self) {
		t.Errorf("with NO_COLOR:\n%q", text)
	}
	if text = onTerminal(t, 80, []string{"TERM=dumb"}, "-tl"); strings.Contains(text, "\x1b") {
		t.Errorf("with TERM=dumb:\n%q", text)
	}
	if r := sockeye(t, "-tanp"); strings.Contains(r.out, "\x1b") {
		t.Errorf("colours in a pipe:\n%q", r.out)
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// narrow checks that no line is wider than the terminal; the names on this machine are taken to have no wide characters.
func narrow(t *testing.T, command, text string, width int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(colours.ReplaceAllString(text, ""), "\r\n"), "\r\n")
	if len(lines) < 2 {
		t.Errorf("sockeye %s: %q", command, text)
	}
	for _, l := range lines {
		if n := utf8.RuneCountInString(l); n > width {
			t.Errorf("sockeye %s: %d cells of %d: %s", command, n, width, l)
		}
	}
}

// onTerminal runs a command whose stdout is a terminal, and returns all that it wrote there.
func onTerminal(t *testing.T, width uint16, env []string, line string) string {
	t.Helper()
	master, slave := openPTY(t, width)
	defer master.Close()
	cmd := program(t, strings.Fields(line)...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout = slave
	got := make(chan string)
	go func() {
		var b bytes.Buffer
		b.ReadFrom(master) // ends with EIO when the last writer closes
		got <- b.String()
	}()
	r := finish(t, cmd)
	slave.Close()
	r.check(t, 0, "*")
	return <-got
}

// openPTY is pty(7): a terminal and the end that sees what it shows.
func openPTY(t *testing.T, width uint16) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		testutil.Lack(t, "needs a terminal: "+err.Error())
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0), unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}))
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
		testutil.Lack(t, "needs a terminal: "+err.Error())
	}
	return master, slave
}

// wordsByRef is the part of bash-completion that the script calls, for where that is not installed.
const wordsByRef = `
_get_comp_words_by_ref() {
  read -ra words <<<"$COMP_LINE"
  [[ $COMP_LINE != *" " ]] || words+=("")
  cword=$((${#words[@]} - 1))
  cur=${words[cword]}
  prev=${words[cword - 1]}
}
`

// completes asks a bash what it offers for the command line in COMP_LINE, as it does when TAB is typed twice: words are
// split where readline splits them.
const completes = `
[[ -r /usr/share/bash-completion/bash_completion ]] && . /usr/share/bash-completion/bash_completion
source <(sockeye completion bash)
split=${COMP_LINE//=/ = }
read -ra COMP_WORDS <<<"${split//:/ : }"
[[ $COMP_LINE != *" " ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_POINT=${#COMP_LINE} COMP_TYPE=63
__start_sockeye
printf '<%s>\n' "${COMPREPLY[@]}"
`

// TestBashCompletes: subcommands, flags, columns and the words of a filter.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	for line, want := range map[string][]string{
		"sockeye wh":                         {"<who ", "<why "},
		"sockeye clo":                        {"<close>"},
		"sockeye close state est":            {"<established>"},
		"sockeye kill 8080 --signal KI":      {"<KILL>"},
		"sockeye wait 80 --op":               {"<--open>"},
		"sockeye wat":                        {"<watch>"},
		"sockeye traffic --by ":              {"<process>", "<unit>", "<remote>", "<socket>"},
		"sockeye traffic --sort=n":           {"<name>"},
		"sockeye watch --method p":           {"<poll>"},
		"sockeye watch event = listener_v":   {"<listener_vanished>"},
		"sockeye d":                          {"<dev", "<doctor", "<dport", "<dst"},
		"sockeye --js":                       {"<--json ", "<--jsonl "},
		"sockeye who --num":                  {"<--numeric>"},
		"sockeye --columns proto,stat":       {`<proto\,state>`},
		"sockeye --columns=proto,local":      {"<proto,local>", "<proto,local_addr>", "<proto,local_port>"},
		"sockeye --sort=-loc":                {"<-local>", "<-local_addr>", "<-local_port>"},
		"sockeye --color=n":                  {"<never>"},
		"sockeye state est":                  {"<established>"},
		"sockeye list -t sport = :80 and dp": {"<dport>"},
		"sockeye -t proto u":                 {"<udp>", "<unix>"},
		"sockeye completion z":               {"<zsh>"},
		"sockeye who 8":                      {"<>"},
	} {
		cmd := program(t)
		cmd.Path, cmd.Args = bash, []string{bash, "--norc", "-c", wordsByRef + completes}
		cmd.Env = append(cmd.Env, "COMP_LINE="+line, "COLUMNS=100")
		r := finish(t, cmd)
		if got := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n"); !match(got, want) {
			t.Errorf("%q: offers %q, want %q %s", line, got, want, r.err)
		}
	}
}

// match compares what is offered, in any order, by how it begins: descriptions may follow.
func match(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	all := "\n" + strings.Join(got, "\n")
	for _, w := range want {
		if !strings.Contains(all, "\n"+w) {
			return false
		}
	}
	return true
}
