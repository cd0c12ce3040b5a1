package sockex

import (
	"context"
	"net"
	"sync"
)

// posted is what the AcceptEx calls on one listener have in common while there are any: whose turn it is. Only one of them
// waits in the listener's own Accept, since its deadline is the only way to end that wait, and ends it for all who are in it.
type posted struct {
	calls int
	turn  chan struct{} // holds one token
}

// posts has the listeners on which AcceptEx is under way, and no others.
var posts = struct {
	sync.Mutex
	of map[*net.TCPListener]*posted
}{of: map[*net.TCPListener]*posted{}}

func post(l *net.TCPListener) *posted {
	posts.Lock()
	defer posts.Unlock()
	p := posts.of[l]
	if p == nil {
		p = &posted{turn: make(chan struct{}, 1)}
		p.turn <- struct{}{}
		posts.of[l] = p
	}
	p.calls++
	return p
}

func (p *posted) leave(l *net.TCPListener) {
	posts.Lock()
	defer posts.Unlock()
	if p.calls--; p.calls == 0 {
		delete(posts.of, l)
	}
}

// nextConn waits for its turn and then for a connection.
func nextConn(ctx context.Context, l *net.TCPListener) (*net.TCPConn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := post(l)
	defer p.leave(l)
	select {
	case <-p.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { p.turn <- struct{}{} }()
	cut := cutOff(ctx, l.SetDeadline)
	c, err := l.AcceptTCP()
	return c, cut.end(err)
}
