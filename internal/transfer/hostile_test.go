package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// talker is a sender made by hand: it says what it likes.
type talker struct {
	t *testing.T
	l *link
}

func dialPlain(t *testing.T, addr string) *talker {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	l := newLink(c.(*net.TCPConn), 5*time.Second, true)
	if err := l.greet(true); err != nil {
		t.Fatal(err)
	}
	return &talker{t, l}
}

func (k *talker) say(frames ...[]byte) {
	k.t.Helper()
	if err := k.l.send(slices.Concat(frames...)); err != nil {
		k.t.Fatal(err)
	}
}

// hear is the next frame.
func (k *talker) hear() (kind, []byte) {
	k.t.Helper()
	h, err := k.l.next()
	if err != nil {
		k.t.Fatal(err)
	}
	b, err := k.l.body(h)
	if err != nil {
		k.t.Fatal(err)
	}
	return h.kind, b
}

// verdict is the next frame, which must be a result.
func (k *talker) verdict(want Status, text string) {
	k.t.Helper()
	got, b := k.hear()
	v, err := parseVerdict(b)
	if got != result || err != nil || v.status != want || !strings.Contains(v.text, text) {
		k.t.Helper()
		k.t.Fatalf("frame %d, %v %q, %v; want %v %q", got, v.status, v.text, err, want, text)
	}
}

// small is a whole small file in frames.
func small(name string, content []byte) []byte {
	o := Offer{Name: name, Size: int64(len(content)), eager: true}
	b := o.put(nil)
	if len(content) > 0 {
		b = append(head{data, uint32(len(content))}.put(b), content...)
	}
	return putHash(b, end, sha256.Sum256(content))
}

// Names that lead out of the folder, or that a part has, in a file with its content, in one without, and as a folder.
func TestEvilNames(t *testing.T) {
	testutil.CheckLeaks(t)
	top := t.TempDir()
	dir := filepath.Join(top, "dir")
	write(t, filepath.Join(dir, "inside", "f"), []byte("f"))
	before := tree(t, top)
	r := startReceiver(t, dir, ServeConfig{Plain: true, Force: true})
	for _, name := range []string{"../x", "..", ".", "/x", "/etc/passwd", "a/../../x", "a/..", "inside/../../x", "a//x", "a/", "a/.", "x\x00y",
		"x" + PartSuffix, "X.SOCKEYE-PART", "a/x" + PartSuffix + "/y", strings.Repeat("a", 256), strings.Repeat("a/", maxName/2)} {
		refuses(t, r.addr, name)
	}
	if after := tree(t, top); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v, was %v", after, before)
	}
	r.end()
}

// refuses checks that a receiver refuses a name, whatever is offered.
func refuses(t *testing.T, addr, name string) {
	t.Helper()
	k := dialPlain(t, addr)
	k.say(small(name, []byte("evil")), small(name, nil))
	k.verdict(Refused, "")
	k.verdict(Refused, "")
	k.say((&Offer{Name: name, Size: 1 << 30}).put(nil))
	k.verdict(Refused, "")
	k.say((&Offer{Name: name, Dir: true}).put(nil))
	k.verdict(Refused, "")
	k.say(head{kind: bye}.put(nil))
	if got, _ := k.hear(); got != bye {
		t.Errorf("%q: frame %d", name, got)
	}
	k.l.wire.Close()
}

// Symbolic links in the way: none is followed out of the folder, and force replaces a link, not what it leads to.
func TestEvilLinks(t *testing.T) {
	testutil.CheckLeaks(t)
	top := t.TempDir()
	dir := filepath.Join(top, "dir")
	write(t, filepath.Join(top, "outside", "secret"), []byte("secret"))
	write(t, filepath.Join(dir, "inside", "f"), []byte("f"))
	links := []struct{ name, to string }{{"out", "../outside"}, {"abs", top}, {"dangling", "../outside/new"}, {"hit", "../outside/secret"}}
	for _, l := range links {
		symlink(t, l.to, filepath.Join(dir, l.name))
	}
	before := tree(t, filepath.Join(top, "outside"))
	r := startReceiver(t, dir, ServeConfig{Plain: true, Force: true})
	for _, name := range []string{"out/new", "out/secret", "out/deeper/new", "abs/new", "abs/dir/new", "hit/x"} {
		refuses(t, r.addr, name)
	}
	for i, l := range links {
		k := dialPlain(t, r.addr)
		k.say((&Offer{Name: l.name, Dir: true}).put(nil), small(l.name, []byte(l.name)))
		k.verdict(Refused, "")
		k.verdict(Received, "")
		if info, err := os.Lstat(filepath.Join(dir, l.name)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("link %d: %v, %v", i, info, err)
		}
		k.l.wire.Close()
	}
	if after := tree(t, filepath.Join(top, "outside")); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("outside: %v, was %v", after, before)
	}
	noParts(t, dir)
	r.end()
}

// symlink makes a symbolic link, and makes sure that it is seen as one.
func symlink(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		testutil.Lack(t, "no symbolic links: "+err.Error())
	}
	if info, err := os.Lstat(path); err != nil {
		testutil.Lack(t, "a symbolic link cannot be looked at: "+err.Error())
	} else if info.Mode()&os.ModeSymlink == 0 {
		testutil.Lack(t, fmt.Sprintf("a symbolic link is taken for %v", info.Mode()))
	}
}

// A part that is a link, or a FIFO, or a folder, is not written to.
func TestEvilParts(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "dir")
	victim := write(t, filepath.Join(dir, "victim"), []byte("victim"))
	write(t, filepath.Join(dir, "folder"+PartSuffix, "x"), nil)
	symlink(t, "victim", filepath.Join(dir, "link"+PartSuffix))
	r := startReceiver(t, dir, ServeConfig{Plain: true})
	k := dialPlain(t, r.addr)
	k.say(small("link", []byte("x")), small("folder", []byte("x")))
	k.verdict(Failed, "is no file")
	k.verdict(Failed, "is no file")
	if b, err := os.ReadFile(victim); err != nil || string(b) != "victim" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestWindowsNames(t *testing.T) {
	for _, name := range []string{"CON", "con.txt", "a/NUL", "nul.tar.gz", "COM1", "com¹.x", "LPT9", "AUX .txt", "CONIN$", "C:", "C:\\x", "a\\..\\b", "a:stream",
		"x.", "x ", "a?", "a*", "a<", "a|b", "a\"", "a\x1fb", "\xff", "..\\x", "\\\\host\\share"} {
		if err := checkName(name, true); err == nil {
			t.Errorf("%q passes on Windows", name)
		}
	}
	for _, name := range []string{"a", "日本語", "COM", "COM10", "CONSOLE", "a.b.c", "nul_", ".x", "é", "x y"} {
		if err := errors.Join(checkName(name, true), checkName(name, false)); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(checkName("C:", false), checkName("a\\b", false), checkName("CON", false), checkName("x.", false)); err != nil {
		t.Error(err)
	}
}

func TestPartName(t *testing.T) {
	for name, want := range map[string]string{"a": "a" + PartSuffix, "d/e/a": "d/e/a" + PartSuffix} {
		if got := partName(name); got != want {
			t.Error(got)
		}
	}
	long := partName("d/" + strings.Repeat("é", 127))
	other := partName("d/" + strings.Repeat("é", 126) + "è")
	if len(long) > 2+maxElement || long == other || !strings.HasPrefix(long, "d/éé") || !strings.HasSuffix(long, PartSuffix) || strings.ContainsRune(long, '\ufffd') {
		t.Errorf("%q (%d), %q", long, len(long), other)
	}
}

// What is against the protocol ends the connection, and leaves nothing that could be taken for a file.
func TestProtocolViolations(t *testing.T) {
	testutil.CheckLeaks(t)
	big := Offer{Name: "big", Size: 1 << 20}
	content := random(1, 1<<20)
	dataFrame := func(n int) []byte { return append(head{data, uint32(n)}.put(nil), content[:n]...) }
	hash := putHash(nil, end, sha256.Sum256(content))
	for name, frames := range map[string][][]byte{
		"data without an offer":     {dataFrame(10)},
		"end without an offer":      {hash},
		"unknown kind":              {{99, 0, 0, 0, 0, 0, 0, 0}},
		"kind 0":                    {{0, 0, 0, 0, 0, 0, 0, 0}},
		"reserved bytes":            {{byte(offer), 1, 0, 0, 0, 0, 0, 30}},
		"endless offer":             {{byte(offer), 0, 0, 0, 0xff, 0xff, 0xff, 0xff}},
		"empty data":                {{byte(data), 0, 0, 0, 0, 0, 0, 0}},
		"offer of too little":       {head{offer, offerSize + 1}.put(nil), make([]byte, 10)},
		"negative size":             {(&Offer{Name: "x", Size: -1}).put(nil)},
		"folder with a size":        {(&Offer{Name: "x", Dir: true, Size: 1}).put(nil)},
		"eager and large":           {(&Offer{Name: "x", Size: eagerSize + 1, eager: true}).put(nil)},
		"receiver's frame":          {verdict{Received, ""}.put(nil)},
		"data before begin":         {big.put(nil), dataFrame(10)},
		"begin in the middle":       {big.put(nil), putBegin(nil, 5), dataFrame(10)},
		"begin beyond":              {big.put(nil), putBegin(nil, 1<<40)},
		"begin below zero":          {big.put(nil), putBegin(nil, -1)},
		"more than offered":         {big.put(nil), putBegin(nil, 0), dataFrame(1 << 20), dataFrame(1)},
		"less than offered":         {big.put(nil), putBegin(nil, 0), dataFrame(1<<20 - 1), hash},
		"two begins":                {big.put(nil), putBegin(nil, 0), putBegin(nil, 0)},
		"offer in content":          {big.put(nil), putBegin(nil, 0), dataFrame(10), big.put(nil)},
		"bye in content":            {big.put(nil), putBegin(nil, 0), dataFrame(10), head{kind: bye}.put(nil)},
		"eager and more":            {(&Offer{Name: "x", Size: 1, eager: true}).put(nil), dataFrame(2)},
		"refused and too much":      {(&Offer{Name: "../x", Size: 1, eager: true}).put(nil), dataFrame(1 << 20)},
		"refused and another offer": {(&Offer{Name: "../x", Size: 1, eager: true}).put(nil), big.put(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r := startReceiver(t, dir, ServeConfig{Plain: true})
			k := dialPlain(t, r.addr)
			_ = k.l.send(slices.Concat(frames...)) // the receiver may close before all is written
			_ = k.l.wire.CloseWrite()
			_, _ = io.Copy(io.Discard, k.l.wire) // its answers, until it closes
			testutil.Eventually(t, 10*time.Second, func() error {
				if e := r.endings(); len(e) != 1 || errors.Is(e[0], errProtocol) == (name == "offer of too little") {
					return fmt.Errorf("ended with %v", e)
				}
				return nil
			})
			for file := range tree(t, dir) {
				if file != "." && !strings.HasSuffix(file, PartSuffix) {
					t.Errorf("%s is there", file)
				}
			}
		})
	}
}

// A checksum that is wrong leaves neither the file nor a part; the next file is taken all the same.
func TestWrongChecksum(t *testing.T) {
	dir := t.TempDir()
	r := startReceiver(t, dir, ServeConfig{Plain: true})
	k := dialPlain(t, r.addr)
	bad := small("bad", []byte("content"))
	bad[len(bad)-1] ^= 1
	k.say(bad, small("good", []byte("content")))
	k.verdict(Failed, "checksum")
	k.verdict(Received, "")
	big := Offer{Name: "big", Size: 1 << 20}
	k.say(big.put(nil))
	if got, b := k.hear(); got != answer || !bytes.Equal(b, make([]byte, 9)) {
		t.Fatalf("frame %d, % x", got, b)
	}
	k.say(putBegin(nil, 0), head{data, 1 << 20}.put(nil), make([]byte, 1<<20), putHash(nil, end, [32]byte{}))
	k.verdict(Failed, "checksum")
	if all := tree(t, dir); len(all) != 2 || all["good"] == "" {
		t.Error(all)
	}
}

// Two senders of one name: the second waits, and is refused if the first goes on; if that is gone it has the name, and what is
// there of the file.
func TestSameName(t *testing.T) {
	for _, goes := range []bool{true, false} {
		dir := t.TempDir()
		r := startReceiver(t, dir, ServeConfig{Plain: true, Idle: time.Second})
		first, second := dialPlain(t, r.addr), dialPlain(t, r.addr)
		big := Offer{Name: "f", Size: 1 << 20}
		first.say(big.put(nil))
		first.hear()
		first.say(putBegin(nil, 0), head{data, 5}.put(nil), []byte("hello"))
		second.say(big.put(nil))
		for range 10 {
			time.Sleep(250 * time.Millisecond)
			if goes {
				first.l.wire.Close()
				break
			}
			first.say(head{kind: still}.put(nil))
		}
		if !goes {
			second.verdict(Refused, "from somebody else")
		} else if got, b := second.hear(); got != answer || b[8] != 5 {
			t.Errorf("frame %d, % x", got, b)
		}
		first.l.wire.Close()
		second.l.wire.Close()
		r.end()
	}
}

func TestStrangers(t *testing.T) {
	testutil.CheckLeaks(t)
	r := startReceiver(t, t.TempDir(), ServeConfig{})
	for _, text := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "x", ""} {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		b, _ := io.ReadAll(c) // a reset where text was left unread
		if len(b) > 0 && !bytes.Equal(b, greeting(false)) {
			t.Errorf("%q is answered with %q", text, b)
		}
		c.Close()
	}
	testutil.Eventually(t, 10*time.Second, func() error {
		e := r.endings()
		if len(e) != 4 {
			return fmt.Errorf("%v", e)
		}
		n := 0
		for _, err := range e {
			if errors.Is(err, ErrStranger) {
				n++
			}
		}
		if n != 3 {
			return fmt.Errorf("%d strangers: %v", n, e)
		}
		return nil
	})
	r.end()
}

func TestVersion(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := greeting(false)
			b[8] = 2
			_, _ = c.Write(b)
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	path := write(t, filepath.Join(t.TempDir(), "f"), nil)
	_, err = send(t, l.Addr().String(), SendConfig{}, path)
	var v *VersionError
	if !errors.As(err, &v) || v.Theirs != 2 || !strings.Contains(err.Error(), "speaks version 2 of the protocol and this one 1: update sockeye at this end") {
		t.Error(err)
	}
}

// An interrupt on either side ends both, keeps the part, and leaves nothing open.
func TestCancel(t *testing.T) {
	testutil.CheckLeaks(t)
	content := random(7, 32<<20)
	path := write(t, filepath.Join(t.TempDir(), "f"), content)
	list, err := Sources([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modes {
		for _, sender := range []bool{true, false} {
			dir := t.TempDir()
			r := startReceiver(t, dir, m.recv)
			ctx, cancel := context.WithCancel(context.Background())
			cfg := m.send
			cfg.Passphrase = phrase
			cfg.Progress = func(p *Progress) {
				switch {
				case p.Done < 8<<20:
				case sender:
					cancel()
				default:
					go r.end()
				}
			}
			err := Send(ctx, r.addr, list, &cfg)
			if want := map[bool]error{true: context.Canceled, false: ErrBroken}[sender]; !errors.Is(err, want) {
				t.Errorf("%s, sender %v: %v", m.name, sender, err)
			}
			cancel()
			r.end()
			part, err := os.ReadFile(filepath.Join(dir, "f"+PartSuffix))
			if err != nil || len(part) == 0 || len(part) == len(content) || !bytes.HasPrefix(content, part) {
				t.Errorf("%s, sender %v: %d bytes, %v", m.name, sender, len(part), err)
			}
			again := startReceiver(t, dir, m.recv)
			got, err := send(t, again.addr, m.send, path)
			if err != nil || got[0].Offset != int64(len(part)) || got[0].Hash != sha256.Sum256(content) {
				t.Errorf("%s: %+v, %v", m.name, got, err)
			}
			again.end()
		}
	}
}
