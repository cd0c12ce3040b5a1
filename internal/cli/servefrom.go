package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/internal/web"
	"github.com/sockeye-net/sockeye/pipe"
)

// fromFlags say which other sockeye is to be read.
type fromFlags struct {
	from, tokenFile, caFile string
}

func (f *fromFlags) addTo(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "read another sockeye serve: its URL, or the name of its pipe")
	fs.StringVar(&f.tokenFile, "token-file", "", "with --from URL: a file with the token; else SOCKEYE_TOKEN has it")
	fs.StringVar(&f.caFile, "ca", "", "with --from URL: a file with the certificates to trust (PEM)")
}

func (f *fromFlags) check() error {
	if f.from == "" && (f.tokenFile != "" || f.caFile != "") {
		return errors.New("--token-file and --ca go with --from")
	}
	return nil
}

// listFrom lists what another sockeye sees: it stands in the place of the system, and all else is as ever.
func (e *Env) listFrom(ctx context.Context, f *listFlags, args []string) error {
	if f.unix {
		return errors.New("--from has TCP and UDP sockets only")
	}
	if f.allNetNS {
		return errors.New("--all-netns is for sockeye serve there, and does not go with --from")
	}
	body, err := e.fetch(ctx, &f.fromFlags, "/api/sockets")
	if err != nil {
		return err
	}
	var doc farDocument
	if err := json.Unmarshal(body, &doc); err != nil {
		return fmt.Errorf("--from: the answer is no list of sockets: %w", err)
	}
	if doc.Schema != view.Schema {
		return fmt.Errorf("--from: the answer has schema %d, and this sockeye knows %d", doc.Schema, view.Schema)
	}
	table, err := doc.table()
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	return table.env(e).listHere(ctx, f, args)
}

// isAddress tells a URL from the name of a pipe.
func isAddress(text string) bool {
	return strings.HasPrefix(text, "http://") || strings.HasPrefix(text, "https://")
}

// fetch asks for a document of the API.
func (e *Env) fetch(ctx context.Context, f *fromFlags, target string) ([]byte, error) {
	if !isAddress(f.from) {
		if f.tokenFile != "" || f.caFile != "" {
			return nil, errors.New("--token-file and --ca go with a URL: a pipe needs neither")
		}
		return fetchByPipe(ctx, f.from, target)
	}
	base, err := url.Parse(f.from)
	if err != nil || base.Host == "" || base.User != nil {
		return nil, errors.New("--from is http://HOST:PORT or https://HOST:PORT, or the name of a pipe")
	}
	token, err := e.fromToken(f)
	if err != nil {
		return nil, err
	}
	if token == "" {
		token = fragmentToken(base)
	}
	if token != "" && base.Scheme == "http" && !isLoopback(base.Hostname()) {
		return nil, errors.New("--from: the token is not sent without TLS to another machine; use https")
	}
	return fetchByHTTP(ctx, f, base.JoinPath(target), token)
}

func (e *Env) fromToken(f *fromFlags) (string, error) {
	if f.tokenFile != "" {
		return web.ReadToken(f.tokenFile)
	}
	return e.Getenv("SOCKEYE_TOKEN"), nil
}

// fragmentToken is the token of an address as sockeye serve status prints it.
func fragmentToken(u *url.URL) string {
	values, err := url.ParseQuery(u.Fragment)
	if err != nil {
		return ""
	}
	return values.Get("token")
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}

// maxDocument bounds what is read, in bytes: 100,000 sockets take some 60 MB.
const maxDocument = 512 << 20

func fetchByHTTP(ctx context.Context, f *fromFlags, u *url.URL, token string) ([]byte, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext}
	defer transport.CloseIdleConnections()
	if f.caFile != "" {
		pool, err := readPool(f.caFile)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	u.Fragment, u.RawQuery = "", ""
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }} // the token is for this server
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	return body, answered(resp.StatusCode, body)
}

func readPool(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("--ca: %s has no certificate", path)
	}
	return pool, nil
}

// answered is what the other side says is wrong.
func answered(code int, body []byte) error {
	if code == http.StatusOK {
		return nil
	}
	var says struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &says) != nil || says.Error == "" {
		return fmt.Errorf("--from: the server answers %d %s; is it a sockeye?", code, http.StatusText(code))
	}
	return fmt.Errorf("--from: the server says: %s", says.Error)
}

func fetchByPipe(ctx context.Context, name, target string) ([]byte, error) {
	if name == "pipe" {
		name = "" // the usual ones
	}
	conn, err := dialServer(ctx, name)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reply, err := request(conn, controlRequest{Op: "get", Target: target})
	if err != nil {
		return nil, err
	}
	body, err := readParts(conn)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	return body, answered(reply.Code, body)
}

// readParts reads messages up to an empty one.
func readParts(conn *pipe.Conn) ([]byte, error) {
	var all bytes.Buffer
	var part []byte
	for {
		if err := conn.SetDeadline(time.Now().Add(controlTimeout)); err != nil {
			return nil, err
		}
		var err error
		if part, err = conn.ReadMessage(part[:0]); err != nil {
			return nil, askFailed(err)
		}
		if len(part) == 0 {
			return all.Bytes(), nil
		}
		if all.Len()+len(part) > maxDocument {
			return nil, fmt.Errorf("the answer is larger than %d bytes", maxDocument)
		}
		all.Write(part)
	}
}
