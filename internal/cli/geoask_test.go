package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestResolveHost: the system's resolver is asked, which knows this name everywhere (RFC 6761, 6.3).
func TestResolveHost(t *testing.T) {
	addrs, err := resolveHost(t.Context(), "localhost")
	if err != nil {
		t.Skip("there is no localhost here: ", err)
	}
	for _, a := range addrs {
		if !a.Unmap().IsLoopback() {
			t.Errorf("localhost is %v", addrs)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := resolveHost(ctx, "example.invalid"); err == nil {
		t.Error("the context is not obeyed")
	}
}

// TestGeoInput: standard input is read in all its forms.
func TestGeoInput(t *testing.T) {
	for name, c := range map[string]struct {
		in   io.Reader
		line string
		code int
		want string // the addresses of the answers
		says string
	}{
		"lines":      {strings.NewReader("\ufeff1.2.3.4\r\n\n  8.8.8.8  \n::1"), "geo", 0, "1.2.3.4 8.8.8.8 ::1", ""},
		"none":       {strings.NewReader(""), "geo", 0, "", ""},
		"nil":        {nil, "geo -", 0, "", ""},
		"among":      {strings.NewReader("8.8.8.8\n"), "geo 1.2.3.4 - 1.2.3.5", 0, "1.2.3.4 8.8.8.8 1.2.3.5", ""},
		"slow bytes": {iotest.OneByteReader(strings.NewReader("1.2.3.4\n8.8.8.8\n")), "geo", 0, "1.2.3.4 8.8.8.8", ""},
		"long line": {strings.NewReader("1.2.3.4\n" + strings.Repeat("x", 200_000) + "\n8.8.8.8\n"), "geo", 2, "1.2.3.4 8.8.8.8",
			"sockeye: line 2 is longer than 1024 bytes: neither an address nor a name\n"},
		"long last": {strings.NewReader("1.2.3.4\n" + strings.Repeat("x", 1500)), "geo", 2, "1.2.3.4",
			"sockeye: line 2 is longer than 1024 bytes: neither an address nor a name\n"},
		"hostile": {strings.NewReader("a b\n\x1b[2J\n1.2.3.4\n" + strings.Repeat("a.", 130) + "\n-rf\n"), "geo", 2, "1.2.3.4",
			"sockeye: a b: neither an address nor the name of a host\nsockeye: \\x1b[2J: neither an address nor the name of a host\n" +
				"sockeye: " + strings.Repeat("a.", 29) + "a…: neither an address nor the name of a host\nsockeye: -rf: neither an address nor the name of a host\n"},
		"failing": {io.MultiReader(strings.NewReader("1.2.3.4\n"), iotest.ErrReader(errors.New("disk on fire"))), "geo", 2, "1.2.3.4",
			"sockeye: reading standard input: disk on fire\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := geoWorld(t)
			writeQQWry(t, dir)
			w.Stdin = c.in
			w.check(t, c.line, c.code, c.says)
			if got := firstWords(w.out.String()); got != c.want {
				t.Errorf("answers are %q, want %q", got, c.want)
			}
		})
	}
}

// firstWords are those of each line.
func firstWords(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		words = append(words, strings.Fields(line)[0])
	}
	return strings.Join(words, " ")
}

// TestGeoOrder: names that take long do not change the order, several are resolved at once, but not all.
func TestGeoOrder(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	release, calls := make(chan struct{}), make(chan string, 1000)
	w.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		calls <- host
		<-release
		if host == "n0.example" {
			time.Sleep(20 * time.Millisecond)
		}
		return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
	}
	var in, want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&in, "n%d.example\n1.2.3.%d\n", i, i%256)
		fmt.Fprintf(&want, "n%d.example 1.2.3.%d ", i, i%256)
	}
	w.Stdin = strings.NewReader(in.String())
	done := make(chan int)
	go func() { done <- w.run("geo") }()
	for range 4 {
		<-calls
	}
	time.Sleep(20 * time.Millisecond)
	if n := len(calls); n > maxAsked {
		t.Errorf("%d names are resolved at once", n+4)
	}
	close(release)
	if code := <-done; code != exitFound {
		t.Errorf("exit %d: %s", code, w.err.String())
	}
	if got := firstWords(w.out.String()); got != strings.TrimSpace(want.String()) {
		t.Errorf("answers come as %.200s", got)
	}
}

// TestGeoStreams: what is asked is answered before more is waited for, in each form that has no end.
func TestGeoStreams(t *testing.T) {
	for _, form := range []string{"", "--jsonl", "--csv -H"} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		in, ask := io.Pipe()
		answers, out := io.Pipe()
		w.Stdin, w.Stdout = in, out
		done := make(chan int)
		go func() { done <- w.run("geo " + form); out.Close() }()
		buf := make([]byte, 4096)
		for _, addr := range []string{"1.2.3.4", "8.8.8.8"} {
			fmt.Fprintln(ask, addr)
			n, err := answers.Read(buf)
			if err != nil || !bytes.Contains(buf[:n], []byte(addr)) {
				t.Fatalf("%s: %v %q", form, err, buf[:n])
			}
		}
		ask.Close()
		if code := <-done; code != exitFound {
			t.Errorf("exit %d", code)
		}
	}
}

// TestGeoInterrupted: an interrupt ends the command while it waits for a line, or for a name.
func TestGeoInterrupted(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, line := range []string{"geo", "geo slow.example"} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		in, ask := io.Pipe()
		w.Stdin = in
		w.Resolve = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if code := w.Run(ctx, strings.Fields(line)); code != exitUnknown {
			t.Errorf("%s: exit %d", line, code)
		}
		if w.err.Len() > 0 || w.out.Len() > 0 {
			t.Errorf("%s says %q %q", line, w.err.String(), w.out.String())
		}
		ask.Close()
	}
}

// FuzzGeoInput: each line that is not blank is one question, in its order, whatever it holds; and nothing is asked of a name
// server that is no name.
func FuzzGeoInput(f *testing.F) {
	for _, text := range []string{"1.2.3.4\n", "a.example\r\n\n::1", "\ufeff \n[::1]:80\nx y", "\x00\xff\n-", strings.Repeat("a", 1024) + "\n" + strings.Repeat("b", 1025)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []string
		for line := range strings.SplitSeq(string(text), "\n") {
			if line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")); line != "" {
				want = append(want, line)
			}
		}
		e := &Env{Stdin: bytes.NewReader(text), Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "" || len(host) > 253 || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
				t.Errorf("%q is resolved", host)
			}
			return nil, errors.New("no")
		}}
		n := 0
		for q := range e.questions(t.Context(), new(geoFlags), nil) {
			if q.resolved != nil {
				<-q.resolved
			}
			if n == len(want) || !strings.HasPrefix(want[n], q.text) || q.ended || q.err == nil && len(q.addrs) == 0 {
				t.Fatalf("question %d is %+v of %q", n, q, want)
			}
			n++
		}
		if n != len(want) {
			t.Errorf("%d questions of %q", n, want)
		}
	})
}
