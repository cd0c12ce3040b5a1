package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestPrometheus: a real Prometheus scrapes the server with the token, and finds what this test holds.
func TestPrometheus(t *testing.T) {
	program := testutil.NeedTool(t, "prometheus")
	token := tokenOf(t)
	s := serveHere(t, "--token-file", token)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String() // Prometheus 2.42 does not tell which port it took
	l.Close()
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: sockeye\n  authorization: {credentials_file: %s}\n"+
		"  static_configs: [{targets: [%q]}]\n", token, s.url[len("http://"):])
	path := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+path, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=error")
	cmd.Stderr = io.Discard
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for _, query := range []string{`up{job="sockeye"} == 1`, `sockeye_sockets{proto="tcp",state="LISTEN"} > 0`, `sockeye_program_sockets{program="cli.test"} > 0`,
		`sockeye_network_receive_bytes_total{device="lo"}`, `rate(sockeye_readings_total[10s]) > 0`} {
		testutil.Eventually(t, 40*time.Second, func() error { return asksPrometheus(client, addr, query) })
	}
}

func asksPrometheus(client *http.Client, addr, query string) error {
	resp, err := client.Get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(query))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Data struct{ Result []json.RawMessage }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if len(answer.Data.Result) == 0 {
		return fmt.Errorf("nothing for %s", query)
	}
	return nil
}
