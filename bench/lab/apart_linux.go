package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Apart has programs built into a folder, while there is still a network to take modules from, and runs this one again in a
// network namespace of its own, with -bin, which is that folder, and, unless out is given, -out, where results go, behind
// its arguments. It needs root.
func Apart(out string, build func(root, bin string) error) error {
	if os.Geteuid() != 0 {
		return errors.New("it needs root: for the namespace, for BPF, and to see every owner")
	}
	bin, err := os.MkdirTemp("", "sockeye-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := build(root, bin); err != nil {
		return err
	}
	args := append(os.Args[1:], "-bin="+bin)
	if out == "" {
		args = append(args, "-out="+filepath.Join(root, "bench", "results"))
	}
	return again(args)
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w (run it inside the module)", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// again runs this program in a new namespace. An interrupt ends it.
func again(args []string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	runtime.LockOSThread() // the inner process dies with the thread that started it
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// Build builds a package of the module in a folder, as releases are.
func Build(dir, out, pkg string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, text)
	}
	return nil
}

// LoopbackUp brings up the loopback interface of a new namespace.
func LoopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("lo: %w", err)
	}
	return nil
}
