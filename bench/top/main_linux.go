// Command top measures sockeye top against the programs people use for that today, each in a terminal of 200 by 60 cells, over
// the same 10,000 connections, while 200 a second come and go, in a network namespace of its own. It needs root.
//
//	go run ./bench/top
//
// It measures processor time, the time from the start to the first screen, the time from a key to the screen that answers it,
// and the time that making and drawing a frame takes. It prints a table with the project's targets, and writes
// bench/results/top.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// options are the command line, and what the outer process built for the inner one.
type options struct {
	connections, sends, rate, idle, holders int

	seconds, starts, keys int
	out, bin              string
}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			exit(role(os.Args[2:]))
		}
	}
	var o options
	flag.IntVar(&o.connections, "n", 10000, "established connections")
	flag.IntVar(&o.sends, "sends", 500, "how many of them send a little, each second")
	flag.IntVar(&o.rate, "rate", 200, "connections opened, and as many closed, each second")
	flag.IntVar(&o.idle, "idle", 300, "idle processes, with 20 descriptors each")
	flag.IntVar(&o.holders, "holders", 10, "processes that hold the connections")
	flag.IntVar(&o.seconds, "seconds", 20, "how long the processor time of each program is measured")
	flag.IntVar(&o.starts, "starts", 11, "starts of which the median is taken")
	flag.IntVar(&o.keys, "keys", 60, "keys that are pressed")
	flag.StringVar(&o.out, "out", "", "where the results are written; default bench/results of the module")
	flag.StringVar(&o.bin, "bin", "", "internal: where the programs were built")
	flag.Parse()
	if o.bin == "" {
		exit(outer(o))
	}
	exit(inner(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/top:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// outer builds what is measured, and goes on in a new namespace.
func outer(o options) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("it needs root: for the namespace, for BPF, and to see every owner")
	}
	bin, err := os.MkdirTemp("", "sockeye-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	text, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list: %w (run it inside the module)", err)
	}
	root := strings.TrimSpace(string(text))
	if err := goBuild(root, filepath.Join(bin, "sockeye")); err != nil {
		return err
	}
	args := append(os.Args[1:], "-bin="+bin)
	if o.out == "" {
		args = append(args, "-out="+filepath.Join(root, "bench", "results"))
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	runtime.LockOSThread() // the inner process dies with the thread that started it
	cmd := exec.CommandContext(ctx, "/proc/self/exe", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

func goBuild(dir, out string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./cmd/sockeye")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}

// inner runs in the namespace.
func inner(o options) error {
	runtime.LockOSThread() // children die with the thread that started them
	if err := loopbackUp(); err != nil {
		return err
	}
	stop, err := startLoad(o)
	defer stop()
	if err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	r := &report{o: o}
	if err := r.measure(); err != nil {
		return err
	}
	return r.write()
}

func loopbackUp() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, req)
}
