package netstat

import (
	"errors"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func otherNamespaces(t *table, q *Query, dst []rawsock.Record) []rawsock.Record {
	t.missing(errors.ErrUnsupported)
	return dst
}

func (p *pass) otherNamespaces() { p.more = otherNamespaces(p.t, p.q, p.more); p.merge() }
