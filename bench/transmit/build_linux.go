package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// bench is what was built.
type bench struct {
	*options
	dir     string
	missing []string
}

// subject is a server under test. PORT and FILE in its arguments stand for where it listens and what it sends.
type subject struct {
	name string
	args []string
	http bool // it answers with a head of its own, and no tail
}

func build(o *options) (*bench, error) {
	dir, err := os.MkdirTemp("", "bench-transmit")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir}
	source := filepath.Join("bench", "transmit")
	if msg, err := exec.Command("cc", "-O2", "-Wall", "-o", b.path("load"), filepath.Join(source, "c", "load.c")).CombinedOutput(); err != nil {
		return b, fmt.Errorf("the client: %w: %s", err, msg)
	}
	for _, name := range []string{"server", "sender"} {
		if msg, err := exec.Command("go", "build", "-o", b.path(name), "./bench/transmit/"+name).CombinedOutput(); err != nil {
			return b, fmt.Errorf("go build: %w: %s", err, msg)
		}
	}
	if _, err := exec.LookPath("nginx"); err != nil {
		b.missing = append(b.missing, "nginx")
	}
	sizes := append([]int{1 << 20}, o.sizes...)
	for _, n := range sizes {
		if err := os.WriteFile(b.file(n), bytes.Repeat([]byte("sockeye "), (n+7)/8)[:n], 0o644); err != nil {
			return b, err
		}
	}
	return b, os.Chmod(dir, 0o755) // nginx' worker is another user
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) file(size int) string { return b.path("file-" + strconv.Itoa(size)) }

// subjects are the servers; the first is what the others are compared with.
func (b *bench) subjects() (all []subject) {
	for _, s := range []struct{ name, way string }{
		{"write, io.Copy, write", "copy"},
		{"three writes", "writes"},
		{"TransmitFile on *net.TCPConn", "transmit"},
		{"TransmitFile on a port, io_uring", "io_uring"},
		{"TransmitFile on a port, epoll", "epoll"},
	} {
		all = append(all, subject{name: s.name, args: []string{b.path("server"), "-way", s.way, "-addr", "127.0.0.1:PORT", "-file", "FILE"}})
	}
	if len(b.missing) == 0 {
		all = append(all, subject{name: "nginx", args: []string{"nginx", "-p", b.dir, "-c", b.path("nginx.conf"), "-e", "stderr"}, http: true})
	}
	some := all[:1]
	for _, s := range all[1:] {
		for _, w := range strings.Split(b.only, ",") {
			if strings.Contains(s.name, w) {
				some = append(some, s)
				break
			}
		}
	}
	return some
}

// nginxConf is one worker, with sendfile and head and file in common segments, and all that would cost it turned off.
const nginxConf = `daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_requests 1000000000;
	keepalive_timeout 1h;
	open_file_cache max=100;
	open_file_cache_valid 1h;
	etag off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen 127.0.0.1:%[2]d;
		root %[1]s;
	}
}
`

func (b *bench) writeConf(port int) error {
	return os.WriteFile(b.path("nginx.conf"), fmt.Appendf(nil, nginxConf, b.dir, port), 0o644)
}
