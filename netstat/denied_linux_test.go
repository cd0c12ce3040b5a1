package netstat

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/fdwalk"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// TestDeniedWords: who is root is not told to become root, and one process is no processes.
func TestDeniedWords(t *testing.T) {
	one, many := errDenied(1).Error(), errDenied(20).Error()
	if strings.Contains(one, "processes of") || strings.Contains(one, "1 processes") || !strings.Contains(many, "20 processes") {
		t.Errorf("%s\n%s", one, many)
	}
	for _, err := range []error{errDenied(2), errHidden(), errNamespacesDenied(1)} {
		if root := os.Geteuid() == 0; root == strings.Contains(err.Error(), "run as root") {
			t.Errorf("as user %d: %v", os.Geteuid(), err)
		}
	}
}

// TestHiddenProcesses compares with a look at every descriptor.
func TestHiddenProcesses(t *testing.T) {
	n, err := hiddenProcesses()
	if err != nil {
		t.Fatal(err)
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	if os.Geteuid() != 0 && n != 0 || n > len(dirs) {
		t.Errorf("%d of %d processes", n, len(dirs))
	}
	w, err := fdwalk.Open("/proc")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := w.Walk(fdwalk.Options{}, func(*fdwalk.Process) {})
	if err != nil || os.Geteuid() == 0 && !r.Hidden && n != r.Denied {
		t.Errorf("%d processes are hidden, a walk was denied %d (%v)", n, r.Denied, err)
	}
}

// TestDoubt: a socket with a file and without an owner is doubted where processes are hidden, and only then.
func TestDoubt(t *testing.T) {
	var r rows
	if r.unheld() {
		t.Error("no rows are unheld")
	}
	held := r.slotOf(9)
	r.own(held, 0, 3)
	r.list = append(r.list, row{0, none}, row{1, held}, row{2, r.slotOf(0)}) // TIME_WAIT; held; no file
	if r.unheld() {
		t.Error("a held socket, or one without a file, is unheld")
	}
	r.list = append(r.list, row{3, r.slotOf(10)})
	if !r.unheld() {
		t.Error("a socket without a holder is held")
	}
	r.list = []row{{unixBit, none}}
	r.unix = []rawsock.Unix{{Inode: 77}}
	if !r.unheld() {
		t.Error("a Unix socket without a holder is held")
	}
}
