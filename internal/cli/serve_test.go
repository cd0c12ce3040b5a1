package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// output that a server writes while a test reads it.
type sharedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sharedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sharedBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// realEnv is this machine, without its user's configuration.
func realEnv(out, errs io.Writer) *Env {
	e := System()
	e.Stdout, e.Stderr, e.Terminal, e.ANSI, e.Settle = out, errs, false, false, nil
	vars := map[string]string{"SOCKEYE_CONFIG": os.DevNull, "XDG_RUNTIME_DIR": os.Getenv("XDG_RUNTIME_DIR"), "SOCKEYE_HISTORY": filepath.Join(os.DevNull, "history.db")}
	e.Getenv = func(k string) string { return vars[k] }
	e.Databases = nil
	return e
}

// serving is a serve command that runs.
type serving struct {
	pipe, url, token string
	errs             *sharedBuffer
	done             chan int
}

// pipeName is a name that nobody else has.
func pipeName(t *testing.T) string {
	if runtime.GOOS == "windows" {
		return fmt.Sprintf("sockeye-test-%d-%s-%s", os.Getpid(), t.Name(), filepath.Base(t.TempDir()))
	}
	return filepath.Join(t.TempDir(), "p")
}

func serveHere(t *testing.T, args ...string) *serving {
	t.Helper()
	if flagOf(args, "--history") == "" { // nor a file that is not the test's
		args = append(args, "--no-history")
	}
	return serveWith(t, nil, args...)
}

// serveWith has variables of the environment beside.
func serveWith(t *testing.T, vars map[string]string, args ...string) *serving {
	t.Helper()
	signalled := make(chan os.Signal, 1) // the runtime keeps its goroutine of signals for good
	signal.Notify(signalled, syscall.SIGHUP)
	signal.Stop(signalled)
	testutil.CheckLeaks(t)
	s := &serving{pipe: cmp.Or(flagOf(args, "--pipe"), pipeName(t)), errs: new(sharedBuffer), done: make(chan int, 1)}
	ctx, stop := context.WithCancel(context.Background())
	e := realEnv(io.Discard, s.errs)
	inner := e.Getenv
	e.Getenv = func(k string) string { return cmp.Or(vars[k], inner(k)) }
	line := append([]string{"serve", "--addr", "127.0.0.1:0", "--method", "poll", "--interval", "200ms", "--pipe", s.pipe}, args...)
	go func() { s.done <- e.Run(ctx, line) }()
	t.Cleanup(func() {
		stop()
		select {
		case <-s.done:
		case <-time.After(20 * time.Second):
			t.Error("the server does not end")
		}
	})
	testutil.Eventually(t, 10*time.Second, func() error {
		var st controlStatus
		if err := json.Unmarshal([]byte(s.ask("status", "--json")), &st); err != nil || st.Seq == 0 {
			return fmt.Errorf("no reading yet: %v %s", err, s.errs)
		}
		s.url, s.token, _ = strings.Cut(st.URL, "/#token=")
		return nil
	})
	return s
}

// flagOf is the value of a flag among arguments.
func flagOf(args []string, name string) string {
	if i := slices.Index(args, name); i >= 0 {
		return args[i+1]
	}
	return ""
}

// ask is a subcommand of serve.
func (s *serving) ask(args ...string) string {
	var out bytes.Buffer
	realEnv(&out, &out).Run(context.Background(), append(append([]string{"serve"}, args...), "--pipe", s.pipe))
	return out.String()
}

// run is any command.
func run(vars map[string]string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := realEnv(&out, &errs)
	inner := e.Getenv
	e.Getenv = func(k string) string {
		if v, ok := vars[k]; ok {
			return v
		}
		return inner(k)
	}
	code = e.Run(context.Background(), args)
	return code, out.String(), errs.String()
}

// TestServeRefuses: each with one line that says what to do, before anything is opened.
func TestServeRefuses(t *testing.T) {
	for line, says := range map[string]string{
		"--addr 0.0.0.0:0":             "can be reached from other machines: that needs --tls-cert, --tls-key and --token-file",
		"--addr nonsense":              "HOST:PORT",
		"--tls-cert x":                 "go together",
		"--token-file /nonexistent":    "the token:",
		"--interval 1ms":               "at least 100ms",
		"--method magic":               "--method is one of",
		"--otlp-logs":                  "goes with --otlp",
		"--otlp ftp://x --method poll": "no OTLP endpoint",
		"--max-viewers 0":              "at least 1",
		"--tls-cert /nonexistent --tls-key /nonexistent": "the certificate:",
		"--db /nonexistent": "nonexistent",
		"extra":             "unknown command",
	} {
		code, out, errs := run(nil, append([]string{"serve", "--pipe", "", "--addr", "127.0.0.1:0", "--no-history"}, strings.Fields(line)...)...)
		if code != exitUnknown || out != "" || !strings.Contains(errs, says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("serve %s: %d %q %q", line, code, out, errs)
		}
	}
}

// TestServeAdministration: status, reload and stop over the pipe; one server has the pipe, and who asks none is told so.
func TestServeAdministration(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first-token-of-this-test")
	s := serveHere(t, "--token-file", token)
	if s.token != "first-token-of-this-test" {
		t.Errorf("the token is %q", s.token)
	}
	if text := s.errs.String(); strings.Contains(text, "first-token") || !strings.Contains(text, "serving "+s.url) {
		t.Errorf("the log says %q", text)
	}
	if text := s.ask("status"); !strings.Contains(text, "url       "+s.url+"/#token=") || !strings.Contains(text, "sockets   ") {
		t.Errorf("status: %s", text)
	}
	code, _, errs := run(nil, "serve", "--addr", "127.0.0.1:0", "--pipe", s.pipe, "--method", "poll", "--no-history")
	if code != exitUnknown || !strings.Contains(errs, "another server has the pipe") {
		t.Errorf("a second server: %d %s", code, errs)
	}
	write("short")
	if text := s.ask("reload"); !strings.Contains(text, "needs 16") {
		t.Errorf("reload of a bad token: %q", text)
	}
	if code := s.code(t, "first-token-of-this-test"); code != 200 {
		t.Errorf("the old token after that: %d", code)
	}
	write("second-token-of-this-test")
	if text := s.ask("reload"); text != "" {
		t.Errorf("reload: %q", text)
	}
	if was, is := s.code(t, "first-token-of-this-test"), s.code(t, "second-token-of-this-test"); was != 401 || is != 200 {
		t.Errorf("after reload: %d and %d", was, is)
	}
	if text := s.ask("stop"); text != "" {
		t.Errorf("stop: %q", text)
	}
	if code := <-s.done; code != exitFound {
		t.Errorf("it ends with %d: %s", code, s.errs)
	}
	s.done <- 0
	if code, _, errs := run(nil, "serve", "status", "--pipe", s.pipe); code != exitNotFound || !strings.Contains(errs, "no server is there") {
		t.Errorf("status without a server: %d %s", code, errs)
	}
}

// TestServePipeName: a plain name is that of a pipe, and leaves no file where the server happens to be started.
func TestServePipeName(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := serveHere(t, "--pipe", fmt.Sprintf("sockeye-test-%d", os.Getpid()))
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("%v %v", files, err)
	}
	if code, out, errs := run(nil, "list", "--from", `\\.\pipe\`+s.pipe); code != exitFound || out == "" {
		t.Errorf("by its full name: %d %s", code, errs)
	}
}

// code is how the server answers to a token.
func (s *serving) code(t *testing.T, token string) int {
	t.Helper()
	r, err := http.NewRequest("GET", s.url+"/api/processes", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestListFrom: a list of what a server sees is the list of this machine, over the pipe and over HTTP, with flags and filters
// as ever; without the token owners are not told.
func TestListFrom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	s := serveHere(t)
	pid := fmt.Sprintf("[%d]", os.Getpid())
	for _, c := range []struct {
		vars  map[string]string
		from  string
		owner bool
	}{{nil, s.pipe, true}, {nil, s.url, false}, {map[string]string{"SOCKEYE_TOKEN": s.token}, s.url, true}, {nil, s.url + "/#token=" + s.token, true}} {
		code, out, errs := run(c.vars, "list", "--from", c.from, "-tlp", "sport", "=", port)
		if code != exitFound || !strings.Contains(out, ":"+port) || strings.Contains(out, pid) != c.owner {
			t.Errorf("--from %s: %d %s %s", c.from, code, out, errs)
		}
	}
	_, far, _ := run(nil, "list", "--from", s.pipe, "-tlpe", "--json", "sport", "=", port)
	_, near, _ := run(nil, "list", "-tlpe", "--json", "sport", "=", port)
	if a, b := oneSocket(t, far), oneSocket(t, near); a != b {
		t.Errorf("there it is\n%s, here\n%s", a, b)
	}
	for line, says := range map[string]string{
		"--from " + s.url + " -x":                              "TCP and UDP sockets only",
		"--from " + s.pipe + " --token-file x":                 "a pipe needs neither",
		"--token-file x":                                       "go with --from",
		"--from http://192.0.2.1:1 --token-file " + tokenOf(t): "not sent without TLS",
		"--from http://user:pass@127.0.0.1:1":                  "--from is http://",
		"--from http://127.0.0.1:1":                            "refused",
	} {
		code, out, errs := run(nil, append([]string{"list"}, strings.Fields(line)...)...)
		if code != exitUnknown || out != "" || !strings.Contains(errs, says) {
			t.Errorf("list %s: %d %q %q", line, code, out, errs)
		}
	}
	if code, _, errs := run(map[string]string{"SOCKEYE_TOKEN": "wrong"}, "list", "--from", s.url); code != exitUnknown || !strings.Contains(errs, "the token is wrong") {
		t.Errorf("a wrong token: %d %s", code, errs)
	}
}

func tokenOf(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("a-token-for-this-test"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func oneSocket(t *testing.T, doc string) string {
	t.Helper()
	var d struct{ Sockets []json.RawMessage }
	if err := json.Unmarshal([]byte(doc), &d); err != nil || len(d.Sockets) != 1 {
		t.Fatalf("%v %s", err, doc)
	}
	return string(d.Sockets[0])
}

// certificate is one for 127.0.0.1 that trusts itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	name := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, name, name, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "EC PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestServeTLS: an address that others can reach tells nothing without the token.
func TestServeTLS(t *testing.T) {
	cert, key := certificate(t)
	token := tokenOf(t)
	s := serveHere(t, "--addr", "0.0.0.0:0", "--tls-cert", cert, "--tls-key", key, "--token-file", token, "--host", "127.0.0.1")
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatal(s.url)
	}
	if code, _, errs := run(nil, "list", "--from", s.url, "--ca", cert); code != exitUnknown || !strings.Contains(errs, "needs the token") {
		t.Errorf("without the token: %d %s", code, errs)
	}
	if code, out, errs := run(nil, "list", "--from", s.url, "--ca", cert, "--token-file", token, "-tl"); code != exitFound || out == "" {
		t.Errorf("with it: %d %s", code, errs)
	}
	if code, _, errs := run(nil, "list", "--from", s.url, "--token-file", token); code != exitUnknown || !strings.Contains(errs, "certificate") {
		t.Errorf("a certificate that nobody trusts: %d %s", code, errs)
	}
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}
	if c, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is taken")
	}
	plain := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if resp, err := plain.Get("http" + strings.TrimPrefix(s.url, "https") + "/api/status"); err == nil {
		resp.Body.Close()
		if resp.StatusCode == 200 {
			t.Error("it answers without TLS")
		}
	}
}

// FuzzFar: whatever another server answers, it is a table or an error.
func FuzzFar(f *testing.F) {
	f.Add([]byte(`{"schema":1,"time":"2026-01-02T03:04:05Z","host":"h","sockets":[{"proto":"tcp","state":"LISTEN","local_addr":"::1%x","local_port":1,` +
		`"interface":"x","uid":1,"user":"u","recv_q":0,"send_q":1,"rx_bytes":1,"tx_bytes":2,"congestion":"open","owners":[{"pid":-1,"name":"n","fd":3,"cmdline":"a b"}],"owner_missing":"permission"}],"partial":["x"]}`))
	f.Add([]byte(`{"schema":1,"sockets":[{"proto":"unix","state":"UNCONN"},{"proto":"x","state":"y"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var doc farDocument
		if json.Unmarshal(text, &doc) != nil {
			return
		}
		table, err := doc.table()
		if err != nil {
			return
		}
		var out, errs bytes.Buffer
		table.env(realEnv(&out, &errs)).Run(context.Background(), []string{"list", "-pei", "--json", "--details"})
		if !json.Valid(out.Bytes()) {
			t.Errorf("%s", out.String())
		}
	})
}

// TestFarNames: what numbers mean is what they mean there.
func TestFarNames(t *testing.T) {
	uid, q, fd := uint32(33), uint32(0), int32(5)
	doc := farDocument{Schema: 1, Host: "there", Sockets: []farSocket{{Proto: "tcp", State: "LISTEN", LocalAddr: netip.MustParseAddr("10.0.0.1"), LocalPort: 80,
		RemoteAddr: netip.MustParseAddr("0.0.0.0"), Interface: "wan0", UID: &uid, User: "www", RecvQ: &q, SendQ: &q, Missing: "",
		Owners: []farOwner{{PID: 7, Name: "httpd", FD: &fd, Cmdline: "httpd -k start", Exe: "/bin/httpd"}}}}}
	table, err := doc.table()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := table.env(realEnv(&out, &errs)).Run(context.Background(), strings.Fields("list --json -pe --details user = www and dev = wan0 and process = httpd")); code != 0 {
		t.Fatal(code, errs.String())
	}
	for _, part := range []string{`"host":"there"`, `"interface":"wan0"`, `"user":"www"`, `"cmdline":"httpd -k start"`, `"exe":"/bin/httpd"`} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%s is not in %s", part, out.String())
		}
	}
	for q, want := range map[*netstat.Query]bool{{}: true, {Protos: netstat.QueryUDP}: false, {Families: netstat.IPv6}: false, {Families: netstat.IPv4}: true,
		{LocalPorts: []uint16{81}}: false, {LocalPorts: []uint16{80}}: true, {States: netstat.StatesOf(netstat.Established)}: false} {
		if asks(q, &table.sockets[0]) != want {
			t.Errorf("%+v", q)
		}
	}
}
