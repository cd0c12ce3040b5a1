package transfer

import (
	"bufio"
	"crypto/tls"
)

// terminate makes both links TLS connections of somebody in between.
func terminate(a, b *link, cert tls.Certificate) error {
	in := tls.Server(a.wire, &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{protocolName}})
	out := tls.Client(b.wire, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocolName}})
	if err := in.Handshake(); err != nil {
		return err
	}
	if err := out.Handshake(); err != nil {
		return err
	}
	a.conn, a.in = in, bufio.NewReader(in)
	b.conn, b.in = out, bufio.NewReader(out)
	return nil
}
