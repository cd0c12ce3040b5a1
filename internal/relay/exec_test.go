package relay

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// childDoes makes this program the one that an exec end starts.
const childDoes = "SOCKEYE_RELAY_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childDoes) {
	case "":
		os.Exit(m.Run())
	case "upper":
		text, _ := io.ReadAll(os.Stdin)
		os.Stdout.Write(bytes.ToUpper(text))
	case "fail":
		os.Exit(3)
	case "sleep":
		io.Copy(io.Discard, os.Stdin)
		os.Stdout.Close()
		time.Sleep(time.Minute)
	}
}

func child(t *testing.T, does string) string {
	t.Helper()
	t.Setenv(childDoes, does)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return `exec:"` + exe + `"`
}

// TestExec: the program has its input to the end, and all of its output arrives.
func TestExec(t *testing.T) {
	testutil.CheckLeaks(t)
	text := strings.Repeat("text ", 100_000)
	var out bytes.Buffer
	r := start(t, "stdio", child(t, "upper"), Config{Stdin: strings.NewReader(text), Stdout: &out, Stderr: os.Stderr})
	if err := r.wait(); err != nil || out.String() != strings.ToUpper(text) {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}

// TestExecEach: a process for each connection.
func TestExecEach(t *testing.T) {
	testutil.CheckLeaks(t)
	at, to := place(t, TCP)
	r := start(t, at, child(t, "upper"), Config{Stderr: os.Stderr})
	for i := range 3 {
		c := dialTo(t, to)
		fmt.Fprintf(c, "connection %d", i)
		c.CloseWrite()
		if got, err := io.ReadAll(c); err != nil || string(got) != fmt.Sprint("CONNECTION ", i) {
			t.Errorf("%q %v", got, err)
		}
	}
	if err := r.end(); err != nil || len(r.troubles()) > 0 {
		t.Error(err, r.troubles())
	}
}

// TestExecEnds: how a program ended is told if it did so badly by itself, and one that does not end is ended.
func TestExecEnds(t *testing.T) {
	testutil.CheckLeaks(t)
	r := start(t, "stdio", child(t, "fail"), Config{Stdout: io.Discard, Stderr: os.Stderr})
	if err := r.wait(); err == nil || !strings.HasSuffix(err.Error(), "ended with exit status 3") {
		t.Error(err)
	}
	begun := time.Now()
	r = start(t, "stdio", child(t, "sleep"), Config{Stdout: io.Discard, Stderr: os.Stderr})
	if err := r.wait(); err != nil || time.Since(begun) > 10*time.Second {
		t.Error(time.Since(begun), err)
	}
	begun = time.Now()
	in, hold := io.Pipe()
	defer hold.Close()
	r = start(t, "stdio", child(t, "sleep"), Config{Stdin: in, Stdout: io.Discard, Stderr: os.Stderr})
	time.Sleep(200 * time.Millisecond)
	if err := r.end(); time.Since(begun) > 10*time.Second {
		t.Error(time.Since(begun), err)
	}
}
