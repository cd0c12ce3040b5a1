package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// start serves a folder with files of these sizes, and returns its address.
func start(t *testing.T, sizes ...int) (url, dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, n := range sizes {
		text := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(n, ".txt")), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error)
	go func() { over <- serve(t.Context(), l, root) }()
	t.Cleanup(func() {
		_ = l.Close()
		<-over
		_ = root.Close()
	})
	return "http://" + l.Addr().String() + "/", dir
}

// TestCurl fetches files over one connection, and what is not there or no file.
func TestCurl(t *testing.T) {
	curl := testutil.NeedTool(t, "curl")
	sizes := []int{0, 1, 300, 4096, 16384, 70000, 5 << 20}
	url, dir := start(t, sizes...)
	args := []string{"-sS", "--fail", "-w", "%{num_connects} %{http_code}\n"}
	out := t.TempDir()
	for _, n := range sizes {
		args = append(args, "-o", filepath.Join(out, fmt.Sprint(n)), url+fmt.Sprint(n, ".txt"))
	}
	said, err := exec.Command(curl, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if want := "1 200\n" + string(bytes.Repeat([]byte("0 200\n"), len(sizes)-1)); string(said) != want {
		t.Errorf("curl said %q", said)
	}
	for _, n := range sizes {
		got, _ := os.ReadFile(filepath.Join(out, fmt.Sprint(n)))
		want, _ := os.ReadFile(filepath.Join(dir, fmt.Sprint(n, ".txt")))
		if !bytes.Equal(got, want) {
			t.Errorf("the file of %d bytes came as %d", n, len(got))
		}
	}
	for path, want := range map[string]string{"none": "404", "": "403", "../../etc/passwd": "404", "4096.txt -I": "200", "1.txt -XPUT": "405"} {
		args := append([]string{"-s", "--path-as-is", "-o", os.DevNull, "-w", "%{http_code}"}, strings.Fields(url+path)...)
		said, err := exec.Command(curl, args...).Output()
		if err != nil || string(said) != want {
			t.Errorf("%q: %s, %v; want %s", path, said, err, want)
		}
	}
}

// TestWrk loads the server for a second: no answer is wrong.
func TestWrk(t *testing.T) {
	wrk := testutil.NeedTool(t, "wrk")
	url, _ := start(t, 4096, 100000)
	for _, name := range []string{"4096.txt", "100000.txt"} {
		said, err := exec.Command(wrk, "-t1", "-c20", "-d1s", url+name).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if bytes.Contains(said, []byte("errors")) || bytes.Contains(said, []byte("Non-2xx")) || regexp.MustCompile(`\n +0 requests`).Match(said) {
			t.Errorf("wrk said %s", said)
		}
	}
}
