package tui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// A panic, wherever it is, leaves the terminal as it was, and is told. So does a watcher that cannot be opened.
func TestPanics(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for where, end := range map[string]string{"first": "panic", "open": "panic", "job": "panic", "update": "panic", "view": "panic", "refused": "the system refuses"} {
		t.Run(where, func(t *testing.T) {
			x := testutil.StartTmux(t, 100, 60, self+" -test.run='^TestPanicking$' 2>&1 | grep -aE 'panic|refuses' | head -n 1; true", panicEnv+"="+where)
			x.Restored("left with 0")
			if s := x.Screen(); !strings.Contains(s, end) {
				t.Errorf("nothing is said of it:\n%s", s)
			}
		})
	}
}

const panicEnv = "SOCKEYE_TEST_PANIC"

// TestPanicking is the program that TestPanics runs in a terminal.
func TestPanicking(t *testing.T) {
	where := os.Getenv(panicEnv)
	if where == "" {
		t.Skip("a part of TestPanics")
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	fail := func(at string) {
		if at == where {
			time.Sleep(300 * time.Millisecond) // until the screen is there
			panic("panic in " + at)
		}
	}
	opt := Options{Names: new(view.Names), Now: time.Now, Host: "host", View: Processes, Mouse: true,
		Open: func(context.Context) (Watcher, error) {
			if where == "refused" {
				return nil, errors.New("the system refuses")
			}
			fail("open")
			return &small, nil
		},
		Details: func(*netstat.Process) (netstat.Details, error) { fail("job"); return netstat.Details{}, nil },
	}
	if where == "first" {
		opt.First = func() (*netstat.Snapshot, error) { fail("first"); return nil, nil }
	}
	if where == "update" {
		opt.Places = func() error { fail("update"); return nil }
	}
	if where == "view" {
		opt.Names.UserName = func(uint32) string { fail("view"); return "" }
		opt.View, opt.Columns = Listeners, "user"
		small.flows[3].Socket.HasUID = true
	}
	err = Run(t.Context(), opt, Terminal{In: tty, Out: tty, Env: os.Environ()})
	fmt.Println(err)
	os.Exit(2)
}
