package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

func TestAnnotate(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		"from 1.2.3.4:443 to [2001:db8::1]:53\n": "from 1.2.3.4:443 [中国 浙江 杭州, 电信] to [2001:db8::1]:53 [Documentation]\n",
		"8.8.8.8":                                "8.8.8.8 [美国, 谷歌公司DNS服务器]",
		"\x00\xff 10.0.0.1\r\n\x1b[2J":           "\x00\xff 10.0.0.1 [Private-Use]\r\n\x1b[2J",
		"version 1.2.3.4.5 at 12:34":             "version 1.2.3.4.5 at 12:34",
	} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		w.Stdin = iotest.HalfReader(strings.NewReader(in))
		if w.check(t, "geo --annotate", exitFound, ""); w.out.String() != want {
			t.Errorf("%q becomes %q, want %q", in, w.out.String(), want)
		}
	}
}

// TestAnnotateUntrusted: a database cannot make the terminal do anything.
func TestAnnotateUntrusted(t *testing.T) {
	w, dir := geoWorld(t)
	writeSystems(t, dir, "a.mmdb")
	for line, want := range map[string]string{
		"geo -a":                "1.2.3.4 [CHINANET-\\x1b[31m AS4134] 5.5.5.5",
		"geo -a --color always": "1.2.3.4 \x1b[36m[CHINANET-\\x1b[31m AS4134]\x1b[0m 5.5.5.5",
	} {
		w.Stdin = strings.NewReader("1.2.3.4 5.5.5.5")
		if w.check(t, line, exitFound, ""); w.out.String() != want {
			t.Errorf("%q", w.out.String())
		}
	}
}

func TestAnnotateWithoutDatabase(t *testing.T) {
	w, _ := geoWorld(t)
	w.Stdin = strings.NewReader("127.0.0.1 8.8.8.8\n")
	w.check(t, "geo -a", exitFound, "sockeye: note: "+w.errNoDatabase().Error()+"\n")
	if got := w.out.String(); got != "127.0.0.1 [Loopback] 8.8.8.8\n" {
		t.Errorf("%q", got)
	}
	w.Stdin = nil
	w.check(t, "geo -a --json", exitUnknown, "sockeye: if any flags in the group [annotate json] are set none of the others can be; [annotate json] were all set\n")
}

// TestAnnotateStreams: a line is passed on before the next one comes.
func TestAnnotateStreams(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	in, log := io.Pipe()
	answers, out := io.Pipe()
	w.Stdin, w.Stdout = in, out
	done := make(chan int)
	go func() { done <- w.run("geo -a"); out.Close() }()
	buf := make([]byte, 4096)
	for range 3 {
		go io.WriteString(log, "8.8.8.8 GET /\n")
		var got []byte
		for !bytes.HasSuffix(got, []byte("\n")) {
			n, err := answers.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		if string(got) != "8.8.8.8 [美国, 谷歌公司DNS服务器] GET /\n" {
			t.Errorf("%q", got)
		}
	}
	log.Close()
	if code := <-done; code != exitFound {
		t.Errorf("exit %d", code)
	}
}

func TestAnnotateFails(t *testing.T) {
	for _, c := range []struct {
		in   io.Reader
		out  error
		code int
		says string
	}{
		{strings.NewReader("1.2.3.4 x\n"), errors.New("no space left"), exitUnknown, "sockeye: writing the output: no space left\n"},
		{strings.NewReader("1.2.3.4 x\n"), syscall.EPIPE, exitFound, ""},
		{iotest.ErrReader(errors.New("disk on fire")), nil, exitUnknown, "sockeye: reading standard input: disk on fire\n"},
	} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		if w.Stdin = c.in; c.out != nil {
			w.Stdout = fullDisk{c.out}
		}
		w.check(t, "geo -a", c.code, c.says)
	}
}

func TestAnnotateInterrupted(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	in, log := io.Pipe()
	defer log.Close()
	w.Stdin = in
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if code := w.Run(ctx, []string{"geo", "-a"}); code != exitUnknown {
		t.Errorf("exit %d", code)
	}
}
