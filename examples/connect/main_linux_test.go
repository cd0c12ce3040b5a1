package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

const builtEnv = "SOCKEYE_TEST_EXAMPLES"

// TestExamples has this program talk to the two servers beside it, in a network namespace, where their ports are free.
func TestExamples(t *testing.T) {
	goTool := testutil.NeedTool(t, "go")
	dir := os.Getenv(builtEnv)
	if dir == "" {
		dir = t.TempDir()
		if out, err := exec.Command(goTool, "build", "-o", dir+"/", "../echo", "../accept", ".").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if !testutil.Isolated(t, testutil.Child{NetNS: true, Env: []string{builtEnv + "=" + dir}}) {
		return
	}
	for server, port := range map[string]string{"echo": "7777", "accept": "7778"} {
		s := exec.Command(filepath.Join(dir, server))
		s.Stderr = os.Stderr
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Process.Kill() })
		testutil.Eventually(t, 10*time.Second, func() error { return answers("127.0.0.1:" + port) })
		out, err := exec.Command(filepath.Join(dir, "connect"), "127.0.0.1:"+port).CombinedOutput()
		if err != nil || !three.Match(out) {
			t.Errorf("with %s: %v: %s", server, err, out)
		}
		if err := errors.Join(s.Process.Signal(os.Interrupt), s.Wait()); server == "echo" && err != nil {
			t.Errorf("%s ends with %v", server, err)
		}
	}
}

var three = regexp.MustCompile(`^(?:127\.0\.0\.1:\d+: request \d\n){3}$`)

func answers(addr string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	b := make([]byte, 1)
	_, err = fmt.Fprint(c, "x")
	if err == nil {
		_, err = c.Read(b)
	}
	return err
}
