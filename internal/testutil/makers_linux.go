package testutil

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil/truth"
)

// Makers starts truth makers.
type Makers struct {
	path string // of the program
	dir  string // for the paths of Unix sockets; short, since such a path has 108 bytes at most
	uid  int
	into *os.File // the cgroup they are started in; nil is the test's own
}

// BuildMakers compiles the truth maker. Everyone may run it.
func BuildMakers(t testing.TB) *Makers {
	t.Helper()
	NeedTool(t, "go")
	dir := PublicDir(t)
	path := filepath.Join(dir, "maker")
	cmd := exec.Command("go", "build", "-o", path, "github.com/sockeye-net/sockeye/internal/testutil/maker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return &Makers{path: path, dir: dir}
}

// As returns makers that run as another user.
func (m *Makers) As(uid int) *Makers { return &Makers{path: m.path, dir: "/tmp", uid: uid} }

// In returns makers that are born in a cgroup, which is made below the cgroup v2 root and removed at the end.
func (m *Makers) In(t testing.TB, cgroup string) *Makers {
	t.Helper()
	root := cgroup2(t)
	dir := filepath.Join(root, cgroup)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		Lack(t, "needs a cgroup: "+err.Error())
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		for ; dir != root; dir = filepath.Dir(dir) {
			os.Remove(dir)
		}
	})
	return &Makers{path: m.path, dir: m.dir, into: f}
}

// cgroup2 is where the cgroup v2 hierarchy is mounted.
func cgroup2(t testing.TB) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			return f[1]
		}
	}
	Lack(t, "needs cgroup v2")
	return ""
}

// Maker is a running truth maker.
type Maker struct {
	PID     int
	Records []truth.Record // what it holds
	stop    func()
}

// Start starts a maker of n sockets (or pairs, or processes) of a kind and waits until all of them are open. It ends
// with the test, or at Stop.
func (m *Makers) Start(t testing.TB, kind string, n int) *Maker {
	t.Helper()
	cmd := exec.Command(m.path, kind, strconv.Itoa(n))
	cmd.Env = append(os.Environ(), "TMPDIR="+m.dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = m.attributes()
	in, out := pipes(t, cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	mk := &Maker{PID: cmd.Process.Pid, stop: sync.OnceFunc(func() { end(t, cmd, in) })}
	t.Cleanup(mk.Stop)
	records, err := readRecords(out)
	if err != nil {
		t.Fatalf("maker %s: %v", kind, err)
	}
	mk.Records = records
	return mk
}

func (m *Makers) attributes() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{}
	if m.uid != 0 {
		a.Credential = &syscall.Credential{Uid: uint32(m.uid), Gid: uint32(m.uid)}
	}
	if m.into != nil {
		a.UseCgroupFD, a.CgroupFD = true, int(m.into.Fd())
	}
	return a
}

func pipes(t testing.TB, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return in, out
}

// Stop ends the maker and waits for it.
func (mk *Maker) Stop() { mk.stop() }

// end closes the maker's standard input, which its children share, and kills it if it does not end by that.
func end(t testing.TB, cmd *exec.Cmd, in io.Closer) {
	in.Close()
	kill := time.AfterFunc(10*time.Second, func() {
		t.Errorf("maker %v did not end by itself", cmd.Args[1:])
		cmd.Process.Kill()
	})
	defer kill.Stop()
	cmd.Wait()
}

// readRecords reads up to the line that says that all is open.
func readRecords(r io.Reader) ([]truth.Record, error) {
	var records []truth.Record
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var rec truth.Record
		if err := json.Unmarshal(lines.Bytes(), &rec); err != nil {
			return nil, fmt.Errorf("%q: %w", lines.Text(), err)
		}
		if rec.Ready {
			return records, nil
		}
		records = append(records, rec)
	}
	return nil, fmt.Errorf("it ended early: %w", io.ErrUnexpectedEOF)
}
