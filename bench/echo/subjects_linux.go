package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// subject is a server under test. PORT in its arguments is where it is to listen.
type subject struct {
	name string
	args []string
}

// program is one of ours, in C, with the libraries that it needs.
type program struct {
	name, source string
	flags        []string
}

var programs = []program{
	{"C liburing", "uring.c", []string{"-luring"}},
	{"C epoll", "epoll.c", nil},
	{"libuv", "uv.c", []string{"-luv"}},
	{"asio", "asio.cc", []string{"-std=c++17", "-lpthread"}},
}

// build makes the client and the servers. What cannot be made is missing, except the client and those in Go.
func build(dir string, o *options) (all []subject, missing []string, err error) {
	source := filepath.Join("bench", "echo", "c")
	if err := compile(filepath.Join(dir, "load"), filepath.Join(source, "load.c"), []string{"-luring"}); err != nil {
		return nil, nil, fmt.Errorf("the client: %w", err)
	}
	for _, name := range []string{"server", "gonet"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), "./bench/echo/"+name)
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, nil, fmt.Errorf("go build: %w: %s", err, out)
		}
	}
	const addr = "127.0.0.1:PORT"
	server := filepath.Join(dir, "server")
	all = []subject{
		{"Go net", []string{filepath.Join(dir, "gonet"), "-addr", addr}},
		{"completion, io_uring", []string{server, "-backend", "io_uring", "-addr", addr}},
		{"completion, io_uring, spin", []string{server, "-backend", "io_uring", "-spin", "60us", "-addr", addr}},
		{"completion, io_uring, goroutines", []string{server, "-backend", "io_uring", "-goroutines", "16", "-spare", "0", "-hold", "0", "-addr", addr}},
		{"completion, epoll", []string{server, "-backend", "epoll", "-addr", addr}},
	}
	for _, p := range programs {
		file := filepath.Join(dir, p.source+".out")
		if err := compile(file, filepath.Join(source, p.source), p.flags); err != nil {
			missing = append(missing, p.name)
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		all = append(all, subject{p.name, []string{file, "PORT"}})
	}
	for _, p := range o.peers {
		name, command, ok := strings.Cut(p, "=")
		if !ok {
			return nil, nil, fmt.Errorf("peer %q is not NAME=COMMAND", p)
		}
		all = append(all, subject{name, strings.Fields(command)})
	}
	return choose(all, o.only), missing, nil
}

func compile(out, source string, flags []string) error {
	cc := "cc"
	if strings.HasSuffix(source, ".cc") {
		cc = "c++"
	}
	msg, err := exec.Command(cc, append([]string{"-O2", "-o", out, source}, flags...)...).CombinedOutput()
	if err != nil {
		return errors.Join(err, errors.New(source+": "+string(msg)))
	}
	return nil
}

func choose(all []subject, only string) (some []subject) {
	words := strings.Split(only, ",")
	for _, s := range all {
		for _, w := range words {
			if strings.Contains(s.name, w) {
				some = append(some, s)
				break
			}
		}
	}
	return some
}
