// Package lab is what the benchmarks have in common: on what machine they run, how one gets a network namespace of its own
// and a program a processor, and where results go.
package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine says what the figures were measured on: kernel, processors, Go.
func Machine() string {
	return fmt.Sprintf("Linux %s, %d x %s, %s", Kernel(), runtime.NumCPU(), Processor(), runtime.Version())
}

// Processors says how many there are, of which kind.
func Processors() string {
	return fmt.Sprintf("%d x %s, %s", runtime.NumCPU(), Processor(), runtime.GOARCH)
}

// Kernel is its release.
func Kernel() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // what is not known is empty
	return unix.ByteSliceToString(u.Release[:])
}

// Processor is the kind of it.
func Processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return "unknown processor"
}

// StartOn starts a program on one processor: it inherits that of the thread that starts it.
func StartOn(cpu int, cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return err
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	defer func() { _ = unix.SchedSetaffinity(0, &old) }()
	return cmd.Start()
}

// FreePort is a port of TCP at which nobody listens yet.
func FreePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// Write prints the text, and writes it to name.md in the folder and doc to name.json, unless there is no folder.
func Write(dir, name, text string, doc any) error {
	fmt.Print(text)
	if dir == "" {
		return nil
	}
	b, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".md"), []byte(text), 0o644)
}
