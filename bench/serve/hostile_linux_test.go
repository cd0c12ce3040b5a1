package serve

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// What strangers do, and what the server may take then, in MB.
const (
	slowReaders = 600
	idlers      = 1500
	mostMemory  = 600
)

// TestHostile: hundreds who ask for the whole table and do not read it, others who open streams that they do not read, and more
// connections than there is room for that ask for nothing. The server's memory stays bounded, and it answers everyone else.
func TestHostile(t *testing.T) {
	if os.Getenv("SOCKEYE_FIGURES") == "" {
		t.Skip("it takes half a minute: set SOCKEYE_FIGURES=1")
	}
	if !testutil.Isolated(t, testutil.Child{NetNS: true, Env: []string{"SOCKEYE_FIGURES=1"}}) {
		return
	}
	bin := t.TempDir() + "/sockeye"
	testutil.Command(t, "go", "build", "-o", bin, "github.com/sockeye-net/sockeye/cmd/sockeye")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	m := machine{5000, 50, 500}
	m.load(t, ctx)
	addr, pid := start(t, bin)
	host := strings.TrimPrefix(addr, "http://")
	before := memory(t, pid)
	for i := range slowReaders {
		target := "/api/sockets"
		if i%3 == 0 {
			target = "/api/events?topics=sockets,hosts&filter=sport+%3E+" + fmt.Sprint(i%40)
		}
		attack(t, host, "GET "+target+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
	}
	for range idlers {
		attack(t, host, "")
	}
	most, slowest := 0.0, time.Duration(0)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		most, slowest = max(most, memory(t, pid)), max(slowest, asksStatus(t, addr))
	}
	t.Logf("%d sockets, %d who do not read, %d who do not ask: %.0f MB before, %.0f MB at most; the slowest answer to another took %v", 2*m.held, slowReaders, idlers, before, most, slowest)
	if most > mostMemory {
		t.Errorf("the server takes %.0f MB", most)
	}
}

// attack sends something on a connection with a small buffer, and does nothing more.
func attack(t *testing.T, host, text string) {
	t.Helper()
	c, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	_, _ = io.WriteString(c, text) // it may be closed already
}

func asksStatus(t *testing.T, addr string) time.Duration {
	t.Helper()
	began := time.Now()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(addr + "/api/status")
	if err != nil {
		t.Error(err)
		return time.Since(began)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("another is answered %d", resp.StatusCode)
	}
	return time.Since(began)
}
