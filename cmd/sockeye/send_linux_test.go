package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// startRecv starts a receiver on a port of its own choice.
func startRecv(t *testing.T, dir string, args ...string) (r *daemon, addr string) {
	t.Helper()
	cmd := program(t, append([]string{"recv", "--listen", "0", "--dir", dir}, args...)...)
	out := new(bytes.Buffer)
	cmd.Stdout = out
	r = launch(t, cmd)
	return r, r.find(`listening on (\S+), for`)
}

// withPassphrase gives a command the passphrase that a receiver has shown.
func withPassphrase(cmd *exec.Cmd, passphrase string) *exec.Cmd {
	cmd.Env = append(cmd.Env, "SOCKEYE_PASSPHRASE="+passphrase)
	return cmd
}

func sparse(t *testing.T, path string, size int64) string {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for at := int64(0); at < size; at += 1 << 20 {
		if _, err := fmt.Fprintf(f, "%016d", at); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

func hashOf(t *testing.T, path string) (sum [32]byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	h.Sum(sum[:0])
	return sum
}

// hashes are those of all files in a folder.
func hashes(t *testing.T, top string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(top, path)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			all[rel] = "folder"
		default:
			all[rel] = fmt.Sprintf("%x", hashOf(t, path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSendRecv: a folder with names of every kind, twice, and with what is in the way; lines, exit codes and JSON.
func TestSendRecv(t *testing.T) {
	for _, plain := range []string{"", "--plain"} {
		t.Run("mode"+plain, func(t *testing.T) {
			from, to := t.TempDir(), t.TempDir()
			top := filepath.Join(from, "photos")
			for i, name := range []string{"0", "new\nline", "日本 語", "\x1b[31mred", "sub/empty"} {
				write(t, filepath.Join(top, name), strings.Repeat("x", i))
			}
			for i := range 300 {
				write(t, filepath.Join(top, "many", fmt.Sprint(i)), strings.Repeat(fmt.Sprint(i), i))
			}
			big := sparse(t, filepath.Join(from, "big file"), 30<<20+5)
			if err := os.Symlink("0", filepath.Join(top, "link")); err != nil {
				t.Fatal(err)
			}
			args := []string{"send"}
			recvArgs := []string{}
			if plain != "" {
				args, recvArgs = append(args, plain), append(recvArgs, plain)
			}
			r, addr := startRecv(t, to, recvArgs...)
			code := "none needed"
			if plain == "" {
				code = r.find(`passphrase: ([a-z]{5}-[a-z]{5}-[a-z]{5})`)
			}
			run := func(more ...string) result {
				return finish(t, withPassphrase(program(t, append(append([]string{}, args...), more...)...), code))
			}
			got := run(top, big, addr)
			got.check(t, 0, "sockeye: note: "+filepath.Join(top, "link")+" is a symbolic link, and is left out\n")
			got.contains(t, "sent       31.5 MB  big file\n", "306 files are at "+addr+": ", "photos/many/299\n", `photos/new`)
			if strings.ContainsAny(got.out, "\x1b") || strings.Count(got.out, "\n") != 307 {
				t.Errorf("%q", got.out)
			}
			if err := os.Remove(filepath.Join(top, "link")); err != nil {
				t.Fatal(err)
			}
			if a, b := hashes(t, from), hashes(t, to); fmt.Sprint(a) != fmt.Sprint(b) {
				t.Errorf("%v\n%v", a, b)
			}
			got = run("-q", top, big, addr)
			got.check(t, 0, "")
			if got.out != "" {
				t.Errorf("%q", got.out)
			}
			write(t, filepath.Join(to, "photos", "0"), "other")
			got = run("--json", top, big, addr)
			got.check(t, 1, "sockeye: photos/0: it is there already with another content; recv --force replaces it\n")
			checkFiles(t, got.out, 306+3)
			if code := r.interrupt(); code != 0 {
				t.Errorf("exit %d: %s", code, r.text())
			}
			if text := r.cmd.Stdout.(*bytes.Buffer).String(); !strings.Contains(text, "received   31.5 MB  big file\n") || !strings.Contains(text, "\n917 of 918 files are here: ") {
				t.Errorf("%q", text)
			}
		})
	}
}

func checkFiles(t *testing.T, text string, n int) {
	t.Helper()
	var doc struct {
		Schema int
		Files  []struct {
			Name, Status, SHA256, Error string
			Folder                      bool
			Size, Sent                  int64
		}
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil || doc.Schema != 1 || len(doc.Files) != n {
		t.Fatalf("%d files, %v: %.300s", len(doc.Files), err, text)
	}
	for _, f := range doc.Files {
		want := "same"
		if f.Name == "photos/0" {
			want = "refused"
		}
		if f.Status != want || (f.Error != "") != (want == "refused") || !f.Folder && len(f.SHA256) != 64 {
			t.Errorf("%+v", f)
		}
	}
}

// TestSendKilled: either end is killed in the middle, again and again, until the file is there.
func TestSendKilled(t *testing.T) {
	const size, step = 100 << 20, 8 << 20
	from, to := t.TempDir(), t.TempDir()
	path := sparse(t, filepath.Join(from, "f"), size)
	part := filepath.Join(to, "f.sockeye-part")
	resumed := 0
	for round := range 5 {
		plain := []string{"--plain"}
		if round%2 == 0 {
			plain = nil
		}
		r, addr := startRecv(t, to, plain...)
		code := ""
		if plain == nil {
			code = r.find(`passphrase: (\S+)`)
		}
		had := sizeOf(part)
		cmd := withPassphrase(program(t, append(append([]string{"send"}, plain...), path, slowly(t, addr))...), code)
		var out bytes.Buffer
		cmd.Stdout = &out
		s := launch(t, cmd)
		if round == 4 { // this one may end
			if exit := s.wait(); exit != 0 {
				t.Fatalf("exit %d: %s", exit, s.text())
			}
			if strings.Contains(out.String(), " on\n") {
				resumed++
			}
			r.interrupt()
			break
		}
		testutil.Eventually(t, 20*time.Second, func() error {
			if n := sizeOf(part); n < had+step {
				return fmt.Errorf("%d bytes", n)
			}
			return nil
		})
		victim, other := s, r
		if round%4 > 1 {
			victim, other = r, s
		}
		victim.cmd.Process.Kill()
		<-victim.ended
		if victim == s {
			other.find(`f: the connection broke.*, with \S+ MB of 105 MB here; sending it again goes on there`)
			other.interrupt()
		} else if exit := other.wait(); exit != 2 || !strings.Contains(other.text(), "the same command goes on where this one was") {
			t.Errorf("exit %d: %s", exit, other.text())
		}
		if n := sizeOf(part); n < had+step {
			t.Errorf("%d bytes are kept, after %d", n, had)
		}
		if _, err := os.Stat(filepath.Join(to, "f")); err == nil {
			t.Fatal("it has its name")
		}
	}
	if resumed != 1 || hashOf(t, path) != hashOf(t, filepath.Join(to, "f")) {
		t.Error("another file, or none that was gone on with")
	}
}

// slowly is a way to an address that takes 20 MB a second at most, so that there is a middle to break off in.
func slowly(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		up, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer up.Close()
		go func() { _, _ = io.Copy(c, up); c.Close() }()
		for {
			_, err := io.CopyN(up, c, 128<<10)
			if err != nil {
				return
			}
			time.Sleep(6 * time.Millisecond)
		}
	}()
	return l.Addr().String()
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// TestSendInterrupted: Ctrl-C at either end.
func TestSendInterrupted(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	path := sparse(t, filepath.Join(from, "f"), 100<<20)
	for _, sender := range []bool{true, false} {
		r, addr := startRecv(t, to, "--plain")
		s := launch(t, program(t, "send", "--plain", path, slowly(t, addr)))
		had := sizeOf(filepath.Join(to, "f.sockeye-part"))
		testutil.Eventually(t, 20*time.Second, func() error {
			if sizeOf(filepath.Join(to, "f.sockeye-part")) < had+8<<20 {
				return errors.New("not begun")
			}
			return nil
		})
		if sender {
			if exit := s.interrupt(); exit != 2 || !strings.Contains(s.text(), "interrupted; the same command goes on where this one was") {
				t.Errorf("exit %d: %s", exit, s.text())
			}
			r.find("the connection broke")
		}
		if exit := r.interrupt(); exit != 0 {
			t.Errorf("receiver: exit %d: %s", exit, r.text())
		}
		if !sender {
			r.find(`f: interrupted, with \S+ MB of 105 MB here`)
			if exit := s.wait(); exit != 2 {
				t.Errorf("exit %d: %s", exit, s.text())
			}
		}
	}
}

// TestSendErrors: what cannot be, in one line, with an exit code.
func TestSendErrors(t *testing.T) {
	dir := t.TempDir()
	f := write(t, filepath.Join(dir, "f"), "f")
	r, addr := startRecv(t, dir)
	finish(t, withPassphrase(program(t, "send", f, addr), "not the one")).check(t, 2, "sockeye: "+addr+": the passphrase is not the receiver's\n")
	finish(t, program(t, "send", "--plain", f, addr)).check(t, 2, "sockeye: "+addr+": the receiver wants a passphrase and this end has --plain: both ends or none are plain\n")
	finish(t, program(t, "send", f, addr)).check(t, 2, "sockeye: there is no passphrase: give --passphrase-file or SOCKEYE_PASSPHRASE, or run it on a terminal, where it is asked for\n")
	finish(t, withPassphrase(program(t, "send", f, addr), "short")).check(t, 2, "sockeye: a passphrase has at least 8 characters\n")
	free := "127.0.0.1:" + freePort(t)
	finish(t, program(t, "send", "--plain", f, free)).check(t, 2, "sockeye: "+free+": nobody listens there; start sockeye recv first, or have --wait\n")
	finish(t, program(t, "send", "--plain", f, f)).check(t, 2, "*")
	finish(t, program(t, "send", "--plain", f+"x", addr)).check(t, 2, "sockeye: there is no file "+f+"x; nothing was sent\n")
	finish(t, program(t, "recv", "--listen", addr, "--dir", dir)).check(t, 2, "*")
	finish(t, program(t, "recv", "--listen", "0", "--dir", f)).check(t, 2, "*")
	r.find(`sockeye: 127\.0\.0\.1:\d+: wrong passphrase`)
	r.interrupt()
	file := write(t, filepath.Join(dir, "secret"), "from a file, with spaces\r\nsecond line\n")
	to := t.TempDir()
	r, addr = startRecv(t, to, "--passphrase-file", file, "--once")
	finish(t, program(t, "send", "--passphrase-file", file, "--wait", "1s", f, addr)).check(t, 0, "")
	if exit := r.wait(); exit != 0 || strings.Contains(r.text(), "passphrase") {
		t.Errorf("exit %d: %s", exit, r.text())
	}
}

// pty is a terminal: a program's end, and ours, with all that was shown.
type pty struct {
	program *os.File
	ours    *os.File
	mu      sync.Mutex
	shown   []byte
}

func watchPTY(t *testing.T, columns uint16) *pty {
	t.Helper()
	p := new(pty)
	p.ours, p.program = openPTY(t, columns)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 4096)
		for {
			n, err := p.ours.Read(b)
			p.mu.Lock()
			p.shown = append(p.shown, b[:n]...)
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { p.program.Close(); <-ended; p.ours.Close() })
	return p
}

func (p *pty) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.shown)
}

func (p *pty) waitFor(t *testing.T, text string) {
	t.Helper()
	testutil.Eventually(t, 10*time.Second, func() error {
		if !strings.Contains(p.text(), text) {
			return fmt.Errorf("%q is not in %q", text, p.text())
		}
		return nil
	})
}

func (p *pty) echoes(t *testing.T) bool {
	t.Helper()
	s, err := unix.IoctlGetTermios(int(p.program.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return s.Lflag&unix.ECHO != 0
}

// TestSendTerminal: the passphrase is asked for and not shown, and a bar tells how far it is, within a narrow terminal.
func TestSendTerminal(t *testing.T) {
	dir := t.TempDir()
	path := sparse(t, filepath.Join(dir, "a file with a rather long name.iso"), 300<<20)
	for _, columns := range []uint16{100, 30} {
		to := t.TempDir()
		r, addr := startRecv(t, to)
		code := r.find(`passphrase: (\S+)`)
		p := watchPTY(t, columns)
		cmd := program(t, "send", path, addr)
		cmd.Env = append(cmd.Env, "LANG=C.UTF-8")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = p.program, p.program, p.program
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		p.waitFor(t, "Passphrase of "+addr+": ")
		testutil.Eventually(t, 5*time.Second, func() error {
			if p.echoes(t) {
				return errors.New("it echoes")
			}
			return nil
		})
		fmt.Fprintln(p.ours, strings.ToUpper(code))
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %q", err, p.text())
		}
		p.waitFor(t, "1 file is at ")
		text := p.text()
		if strings.Contains(strings.ToLower(text), code) || !p.echoes(t) {
			t.Errorf("the passphrase is shown, or the echo is off: %q", text)
		}
		bars := strings.Split(text, "\r")
		drawn := 0
		for _, b := range bars {
			if b, ok := strings.CutSuffix(b, "\x1b[K"); ok && strings.Contains(b, "%") {
				drawn++
				if n := len([]rune(b)); n > int(columns)-3 {
					t.Errorf("%d cells of %d: %q", n, columns, b)
				}
			}
		}
		if drawn == 0 || columns == 100 && !strings.Contains(text, "█") {
			t.Errorf("no bar: %q", text)
		}
		r.interrupt()
	}
}

// TestSendAskInterrupted: an interrupt while the passphrase is asked for gives the terminal its echo back.
func TestSendAskInterrupted(t *testing.T) {
	p := watchPTY(t, 80)
	cmd := program(t, "send", write(t, filepath.Join(t.TempDir(), "f"), "f"), "127.0.0.1:1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.program, p.program, p.program
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.waitFor(t, "Passphrase of ")
	testutil.Eventually(t, 5*time.Second, func() error {
		if p.echoes(t) {
			return errors.New("it echoes")
		}
		return nil
	})
	cmd.Process.Signal(os.Interrupt)
	_ = cmd.Wait()
	if exit := cmd.ProcessState.ExitCode(); exit != 2 || !p.echoes(t) {
		t.Errorf("exit %d, echoes %v: %q", exit, p.echoes(t), p.text())
	}
}
