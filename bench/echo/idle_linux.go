package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// idleRow is what an idle connection costs a server in memory of its own.
type idleRow struct {
	Name   string `json:"name"`
	Bytes  int    `json:"bytes_per_connection"` // median
	Failed string `json:"failed,omitempty"`
}

const idleRounds = 3

func measureIdle(o *options, client string, subjects []subject) []idleRow {
	rows := make([]idleRow, len(subjects))
	for i, s := range subjects {
		var all []int
		rows[i].Name = s.name
		for range idleRounds {
			n, err := idleOnce(o, client, s)
			if err != nil {
				rows[i].Failed = err.Error()
				continue
			}
			all = append(all, n)
		}
		if slices.Sort(all); len(all) > 0 {
			rows[i].Bytes = all[len(all)/2]
		}
	}
	return rows
}

// idleOnce lets a server run in, so that its pool has been used, and compares its memory with that under connections
// each of which has sent one message.
func idleOnce(o *options, client string, s subject) (int, error) {
	server, port, err := start(o, s)
	if err != nil {
		return 0, err
	}
	defer end(server)
	warm := *o
	warm.seconds = 0.5
	if _, err := loadWith(&warm, client, server.Process.Pid, port, load{10, 64}); err != nil {
		return 0, err
	}
	time.Sleep(200 * time.Millisecond)
	before, err := anonymous(server.Process.Pid)
	if err != nil {
		return 0, err
	}
	after := 0
	err = whileIdle(o, client, port, func() error {
		after, err = anonymous(server.Process.Pid)
		return err
	})
	return (after - before) / o.idle, err
}

// whileIdle has a client hold connections, and calls f.
func whileIdle(o *options, client string, port int, f func() error) error {
	cmd := exec.Command(client, "-I", "-n", strconv.Itoa(o.idle), "-s", "64", "-p", strconv.Itoa(port))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := lab.StartOn(o.clientCPU, cmd); err != nil {
		return err
	}
	defer func() { _ = cmd.Wait() }()
	defer in.Close()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || !strings.HasPrefix(line, "idle") {
		return fmt.Errorf("%d connections: %q, %w", o.idle, line, io.ErrUnexpectedEOF)
	}
	time.Sleep(200 * time.Millisecond)
	return f()
}

// anonymous is a process's resident memory that is of no file (proc_pid_status(5)), in bytes.
func anonymous(pid int) (int, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: no RssAnon", pid)
}
