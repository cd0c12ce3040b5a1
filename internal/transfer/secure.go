package transfer

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/internal/cpace"
)

const (
	protocolName = "sockeye-transfer/1"
	bindingLabel = "EXPORTER-Channel-Binding" // RFC 9266
)

// guard spaces out wrong passphrases, those of all connections together: whoever guesses gets one answer a second.
type guard struct {
	mu   sync.Mutex
	free time.Time
}

const guessPause = time.Second

// check waits for its turn and then lets right decide.
func (g *guard) check(ctx context.Context, right func() bool) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wait := time.Until(g.free); wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	if right() {
		return true, nil
	}
	g.free = time.Now().Add(guessPause)
	return false, nil
}

// certificate is for one run of a receiver. Nobody checks it: the key exchange proves who is at the other end.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// secureSender makes the link a TLS connection to somebody who knows the passphrase, or fails.
func (l *link) secureSender(ctx context.Context, secret []byte) error {
	// Whose certificate it is does not matter: the key exchange fails if the TLS connection ends at somebody else.
	c := tls.Client(l.wire, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{protocolName}})
	x, err := l.exchange(ctx, c, secret)
	if err != nil {
		return err
	}
	if err := l.send(append(head{share, cpace.ShareSize}.put(nil), x.Share()...)); err != nil {
		return err
	}
	theirs, err := l.expect(share)
	if err != nil {
		return err
	}
	keys, err := x.Finish(theirs, true)
	if err != nil {
		return err
	}
	if err := l.send(append(head{confirm, cpace.TagSize}.put(nil), keys.Tag(true)...)); err != nil {
		return err
	}
	tag, err := l.expect(confirm)
	var r *refusal
	switch {
	case errors.As(err, &r):
		return ErrPassphrase
	case err != nil:
		return err
	case !keys.Check(tag, false):
		return ErrPassphrase
	}
	return nil
}

// secureReceiver is the other end of it. The sender proves that it knows the passphrase before we do.
func (l *link) secureReceiver(ctx context.Context, secret []byte, cert tls.Certificate, g *guard) error {
	c := tls.Server(l.wire, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13,
		NextProtos: []string{protocolName}, SessionTicketsDisabled: true})
	x, err := l.exchange(ctx, c, secret)
	if err != nil {
		return err
	}
	theirs, err := l.expect(share)
	if err != nil {
		return err
	}
	keys, err := x.Finish(theirs, false)
	if err != nil {
		return err
	}
	if err := l.send(append(head{share, cpace.ShareSize}.put(nil), x.Share()...)); err != nil {
		return err
	}
	tag, err := l.expect(confirm)
	if err != nil {
		return err
	}
	right, err := g.check(ctx, func() bool { return keys.Check(tag, true) })
	switch {
	case err != nil:
		return err
	case !right:
		_ = l.send(verdict{Unwelcome, "wrong passphrase"}.put(nil)) // it closes in any case
		return ErrGuess
	}
	return l.send(append(head{confirm, cpace.TagSize}.put(nil), keys.Tag(false)...))
}

// exchange does the TLS handshake, and begins a key exchange that is good for this TLS connection only: who sits in
// between has two, with different values of the exporter.
func (l *link) exchange(ctx context.Context, c *tls.Conn, secret []byte) (*cpace.Exchange, error) {
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", broken(err))
	}
	l.conn, l.in = c, bufio.NewReaderSize(c, inSize)
	l.wire.gather()
	state := c.ConnectionState()
	id, err := state.ExportKeyingMaterial(bindingLabel, nil, 32)
	if err != nil {
		return nil, err
	}
	return cpace.New(&cpace.Session{Passphrase: secret, Context: []byte(protocolName), ID: id, A: []byte("sender"), B: []byte("receiver")})
}
