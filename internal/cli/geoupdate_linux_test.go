package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// terminal is both ends of a terminal of so many columns.
func terminal(t *testing.T, columns uint16) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		testutil.Lack(t, "needs a terminal: "+err.Error())
	}
	t.Cleanup(func() { user.Close() })
	fd := int(user.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		testutil.Lack(t, "needs a terminal: "+err.Error())
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

// A terminal sees the bar, which fits and is gone at the end; NO_COLOR has nothing to take away. With --quiet, or where
// TERM is dumb, there is none.
func TestGeoUpdateTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	u := newUpdateWorld(t)
	u.files["/qqwry.dat"] = dated("2024年9月11日", 20000)
	user, program := terminal(t, 44)
	u.Stderr = program
	see := func(words ...string) string {
		t.Helper()
		u.update(t, exitFound, append(words, "--force", u.url+"/qqwry.dat")...)
		fmt.Fprint(program, "END")
		var text []byte
		for b := make([]byte, 4096); !strings.HasSuffix(string(text), "END"); {
			n, err := user.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, b[:n]...)
		}
		return strings.TrimSuffix(string(text), "END")
	}
	text := see()
	if !strings.Contains(text, "fetching") || !strings.Contains(text, "checking") || !strings.HasSuffix(text, "\r\x1b[K") {
		t.Errorf("%q", text)
	}
	if colour := regexp.MustCompile(`\x1b\[[0-9;]*m`); colour.MatchString(text) {
		t.Errorf("colours: %q", text)
	}
	for line := range strings.SplitSeq(text, "\r") {
		if cells := len([]rune(strings.TrimSuffix(line, "\x1b[K"))); cells > 43 {
			t.Errorf("%d cells: %q", cells, line)
		}
	}
	if text := see("--quiet"); text != "" {
		t.Errorf("quiet: %q", text)
	}
	t.Setenv("TERM", "dumb")
	if text := see(); text != "" {
		t.Errorf("dumb: %q", text)
	}
}
