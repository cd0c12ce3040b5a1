package web

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
)

// Secrets say what a server has to be protected with.
type Secrets struct {
	TokenFile, CertFile, KeyFile string
}

// Resolve checks an address to listen on. One that others than this machine can reach needs TLS, or anyone on the way could
// read the token, and a token that was chosen for it.
func Resolve(addr string, s Secrets) (*net.TCPAddr, error) {
	if (s.CertFile == "") != (s.KeyFile == "") {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	name := addr
	if host, port, err := net.SplitHostPort(addr); err == nil && strings.EqualFold(host, "localhost") {
		name = net.JoinHostPort("127.0.0.1", port) // whatever a name server says (RFC 6761, 6.3)
	}
	a, err := net.ResolveTCPAddr("tcp", name)
	if err != nil {
		return nil, fmt.Errorf("--addr %q is no HOST:PORT: %w", addr, err)
	}
	if !a.IP.IsLoopback() && (s.CertFile == "" || s.TokenFile == "") {
		return nil, fmt.Errorf("--addr %s can be reached from other machines: that needs --tls-cert, --tls-key and --token-file", addr)
	}
	return a, nil
}

// Certificate is one that can be replaced while it is in use.
type Certificate struct {
	certFile, keyFile string
	now               atomic.Pointer[tls.Certificate]
}

// LoadCertificate reads a certificate with its chain, and the key.
func LoadCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile}
	return c, c.Reload()
}

// Reload reads the files again; where they cannot be used the old certificate stays.
func (c *Certificate) Reload() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("the certificate: %w", err)
	}
	c.now.Store(&pair)
	return nil
}

// Config is that of a listener.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil }}
}

// leastToken is how long a token is at least, in bytes: nobody guesses 16 random letters over a network.
const leastToken = 16

// ReadToken reads a token from a file that nobody else may read.
func ReadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	defer f.Close()
	return readToken(f)
}
