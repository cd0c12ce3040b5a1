package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/internal/web"
	"github.com/sockeye-net/sockeye/netstat"
)

// actions are what can be done through the server. It asks nobody: the page has.
func (r *serveRun) actions() map[string]web.Action {
	return map[string]web.Action{
		"reload": func(context.Context, json.RawMessage) (any, error) { return nil, r.reload() },
		"close":  r.closeConnections,
		"kill":   r.killProcess,
	}
}

// closeRequest names connections by a filter, or by rows.
type closeRequest struct {
	Filter  string     `json:"filter"`
	Sockets []namedRow `json:"sockets"`
}

// namedRow is what tells the socket of a row from others.
type namedRow struct {
	Proto      string     `json:"proto"`
	NetNS      uint64     `json:"netns"`
	Cookie     uint64     `json:"cookie"`
	LocalAddr  netip.Addr `json:"local_addr"`
	LocalPort  uint16     `json:"local_port"`
	RemoteAddr netip.Addr `json:"remote_addr"`
	RemotePort uint16     `json:"remote_port"`
}

// mostRows bounds what one request closes by rows.
const mostRows = 1000

func (q *closeRequest) check() error {
	q.Filter = strings.TrimSpace(q.Filter)
	switch {
	case (q.Filter == "") == (len(q.Sockets) == 0):
		return errors.New("close takes a filter, or sockets: one of them")
	case len(q.Sockets) > mostRows:
		return fmt.Errorf("close takes at most %d sockets", mostRows)
	}
	for i := range q.Sockets {
		if n := &q.Sockets[i]; n.Proto == "" || n.Cookie == 0 && (!n.LocalAddr.IsValid() || !n.RemoteAddr.IsValid()) {
			return fmt.Errorf("socket %d has no proto, or neither cookie nor addresses", i+1)
		}
	}
	return nil
}

// is reports whether a socket is the one of the row. By its cookie a later one of the same addresses is not.
func (n *namedRow) is(s *netstat.Socket) bool {
	if n.Proto != s.Proto.String() || n.NetNS != 0 && s.NetNS != 0 && n.NetNS != s.NetNS {
		return false
	}
	if n.Cookie != 0 {
		return n.Cookie == s.Cookie
	}
	return n.local() == s.Local && n.remote() == s.Remote
}

func (n *namedRow) local() netip.AddrPort  { return netip.AddrPortFrom(n.LocalAddr, n.LocalPort) }
func (n *namedRow) remote() netip.AddrPort { return netip.AddrPortFrom(n.RemoteAddr, n.RemotePort) }

// without is the row of one that was not closed: it is not there any more, or is no connection.
func (n *namedRow) without(result act.Reason, err error) closable {
	s := &netstat.Socket{NetNS: n.NetNS, Cookie: n.Cookie, State: netstat.Closed}
	s.Proto, _ = numbered(n.Proto, netstat.Unix)
	if n.LocalAddr.IsValid() {
		s.Local = n.local()
	}
	if n.RemoteAddr.IsValid() {
		s.Remote = n.remote()
	}
	return closable{socket: s, result: result.String(), err: err}
}

// unpack reads the body of an action.
func unpack(body json.RawMessage, to interface{ check() error }) error {
	err := json.Unmarshal(body, to)
	if err == nil {
		err = to.check()
	}
	if err != nil {
		return web.BadRequest(err)
	}
	return nil
}

// asJSON are the output flags of commands that answer a request.
var asJSON = output{json: true, color: "never"}

// closeConnections is the command close, with the consent of who has a session.
func (r *serveRun) closeConnections(ctx context.Context, body json.RawMessage) (any, error) {
	var q closeRequest
	if err := unpack(body, &q); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	env := *r.env
	env.Stdout, env.Stderr = &b, io.Discard
	c := &closing{env: &env, flags: &closeFlags{allNetNS: r.flags.allNetNS, consent: consent{yes: true}, output: asJSON}}
	var err error
	if c.list, err = env.plan(&listFlags{processes: true, allNetNS: r.flags.allNetNS, output: asJSON}, q.args()); err != nil {
		return nil, web.BadRequest(err)
	}
	defer c.list.places.close()
	found := make([]bool, len(q.Sockets))
	c.only = func(s *netstat.Socket) bool { return q.wants(s, found) }
	if err := c.find(); err != nil {
		return nil, err
	}
	if err := c.decide(ctx); err != nil {
		return nil, err
	}
	q.complete(c, found)
	r.log(c)
	err = c.write()
	return json.RawMessage(b.Bytes()), err
}

// log says what was closed, as whoever looks for the reason would not find it elsewhere.
func (r *serveRun) log(c *closing) {
	for _, one := range c.found {
		if one.result == resultClosed {
			r.env.note(fmt.Errorf("closed over HTTP: %s%s", act.ConnectionOf(one.socket), ownersText(one.socket)))
		}
	}
}

func (q *closeRequest) args() []string {
	if q.Filter == "" {
		return nil
	}
	return []string{q.Filter}
}

// wants notes which of the rows a socket is. Without rows all are wanted.
func (q *closeRequest) wants(s *netstat.Socket, found []bool) bool {
	for i := range q.Sockets {
		if q.Sockets[i].is(s) {
			found[i] = true
			return true
		}
	}
	return len(q.Sockets) == 0
}

var (
	errOwnServer = errors.New("held by this server, or by a program that has started it")
	errNoPeer    = errors.New("is no connection: sockeye kill ends its owner")
)

// complete gives each row that was sent its result, and says what the command says in words that fit.
func (q *closeRequest) complete(c *closing, found []bool) {
	for i := range q.Sockets {
		n := &q.Sockets[i]
		switch {
		case !found[i]:
			c.found = append(c.found, n.without(act.Gone, nil))
		case !slices.ContainsFunc(c.found, func(one closable) bool { return n.is(one.socket) }):
			c.found = append(c.found, n.without(act.Refused, errNoPeer))
		}
	}
	for i := range c.found {
		if one := &c.found[i]; one.result == resultKept {
			one.err = errOwnServer
		}
	}
}
