package history

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// ticking is a source of a connection every 10 ms of real time, and a reading every second. It says of each when it ended.
type ticking struct {
	out    io.Writer
	number int
	read   time.Time
}

func (s *ticking) Flows(func(*watch.Flow) bool) {}

func (s *ticking) Next(context.Context) (*watch.Report, error) {
	time.Sleep(10 * time.Millisecond)
	s.number++
	now := time.Now()
	remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, byte(s.number >> 8), byte(s.number)}), 443)
	conn := socket(uint64(s.number), netstat.Established, "10.0.0.1:1000", remote.String(), curl)
	r := &watch.Report{Time: now, Events: []watch.Event{opened(conn, now), closed(conn, now, uint64(s.number), 1)}}
	if now.Sub(s.read) >= time.Second {
		r.Elapsed, s.read = now.Sub(s.read), now
	}
	fmt.Fprintln(s.out, s.number, now.UnixMicro())
	return r, nil
}

// tick records at the pace of serve until it is killed.
func tick(path string) error {
	s, err := Open(Config{Path: path})
	if err != nil {
		return err
	}
	defer s.Close()
	var failed error
	err = Record(context.Background(), s, Recording{Sockets: &ticking{out: os.Stdout}, Details: details, Trouble: func(err error) { failed = errors.Join(failed, err) }})
	return errors.Join(err, failed)
}

// TestLoss kills recorders that write at their usual pace, at any moment: the file opens whole, and what happened more than five
// seconds before is in it.
func TestLoss(t *testing.T) {
	testutil.CheckLeaks(t)
	rounds, most := 8, 8*time.Second
	if testutil.Thorough() {
		rounds = 100
	}
	const together = 25
	for n := 0; n < rounds; n += together {
		var all sync.WaitGroup
		for range min(together, rounds-n) {
			path := filepath.Join(t.TempDir(), "history.db")
			all.Go(func() { lose(t, path, rand.N(most)) })
		}
		all.Wait()
	}
}

// lose kills one recorder.
func lose(t *testing.T, path string, after time.Duration) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victim+"="+path, victimPace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	var killed time.Time
	timer := time.AfterFunc(after, func() { killed = time.Now(); _ = cmd.Process.Kill() })
	told := make(map[uint64]int64)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var number uint64
		var at int64
		if n, _ := fmt.Sscan(lines.Text(), &number, &at); n == 2 && at > 1e15 { // a cut line is shorter
			told[number] = at
		}
	}
	if err := cmd.Wait(); err == nil || timer.Stop() {
		t.Errorf("the recorder ended by itself: %v", err)
		return
	}
	lost(t, path, told, killed)
}

// lost looks what is not there of what was told.
func lost(t *testing.T, path string, told map[uint64]int64, killed time.Time) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && len(told) == 0 { // killed before it began
		return
	}
	s, err := Open(Config{Path: path})
	if err != nil {
		t.Error(err)
		return
	}
	defer shut(t, s)
	var answer string
	if err := s.conn.QueryRowContext(background, "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		t.Errorf("integrity: %v %s", err, answer)
	}
	rows, err := s.conn.QueryContext(background, "SELECT tx FROM connection")
	if err != nil {
		t.Error(err)
		return
	}
	defer rows.Close()
	all := len(told)
	for rows.Next() {
		var number uint64
		if err := rows.Scan(&number); err != nil {
			t.Error(err)
		}
		delete(told, number)
	}
	oldest := time.Duration(0)
	for _, at := range told {
		oldest = max(oldest, killed.Sub(time.UnixMicro(at)))
	}
	if oldest > 5*time.Second {
		t.Errorf("%d connections of %d are lost, the oldest %v old", len(told), all, oldest)
	}
	t.Logf("%d of %d lost, the oldest %v old", len(told), all, oldest.Round(time.Millisecond))
}
