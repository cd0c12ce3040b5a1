package history

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// NewsKind says what is new.
type NewsKind uint8

// The kinds. A program is known by the path of its executable, or by its name where that could not be read. Contacts are
// those that it began.
const (
	NewProgram  NewsKind = iota + 1 // a program that had no socket before
	NewListener                     // it had not listened on this address and port before
	NewCountry                      // it had no contact with this country before
	NewSystem                       // nor with this autonomous system
	NewHost                         // nor with this host
)

var newsNames = [...]string{NewProgram: "program", NewListener: "listener", NewCountry: "country", NewSystem: "asn", NewHost: "host"}

// String is the name of the kind.
func (k NewsKind) String() string {
	if int(k) < len(newsNames) {
		return newsNames[k]
	}
	return ""
}

// NewsKinds are their names.
func NewsKinds() []string { return newsNames[1:] }

// News is something that was seen for the first time.
type News struct {
	Time   time.Time
	Kind   NewsKind
	Socket netstat.Socket  // that showed it, with the main owner
	Place  *geoip.Location // of the remote end; nil is not known
}

// Sink is told what is new. Tell is called by one goroutine, after the news was stored; while it runs, more waits, and what
// has no room is left out. An error is told once as trouble.
type Sink interface {
	Tell(context.Context, []News) error
}

// defaultLearn is how long a new history learns: what it sees meanwhile is no news.
const defaultLearn = 24 * time.Hour

// finding is something that may be new about a socket.
type finding struct {
	kind      NewsKind
	who, what string
}

// findings are all of them, of a life that begins.
func findings(e *entry, remote host) (all []finding) {
	if len(e.owners) == 0 {
		return nil
	}
	who := cmp.Or(e.owners[0].exe, e.owners[0].name)
	s := &e.socket
	all = append(all, finding{NewProgram, who, ""})
	if s.State == netstat.Listen {
		return append(all, finding{NewListener, who, fmt.Sprintf("%d/%d/%s", s.Proto, s.Local.Port(), hexOf(s.Local.Addr()))})
	}
	if a := s.Remote.Addr(); e.flags&Incoming != 0 || s.Remote.Port() == 0 || !a.IsValid() || a.IsUnspecified() {
		return all
	}
	if remote.place.iso != "" {
		all = append(all, finding{NewCountry, who, remote.place.iso})
	}
	if remote.place.asn != 0 {
		all = append(all, finding{NewSystem, who, strconv.Itoa(int(remote.place.asn))})
	}
	return append(all, finding{NewHost, who, hexOf(s.Remote.Addr())})
}

func hexOf(a netip.Addr) string { return strings.ToUpper(hex.EncodeToString(blob(a))) }

// learn notes what a life shows, and whether that is new.
func (r *recorder) learn(b *batch, e *entry, i ids, remote host) error {
	if e.learned == (learned{len(e.owners) > 0, e.socket.State}) {
		return nil
	}
	for _, f := range findings(e, remote) {
		if b.dict.known[f] {
			continue
		}
		// What was stored before has another first time.
		fresh, err := b.id(`INSERT INTO known(kind, who, what, first, last) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET last = excluded.last RETURNING first = ?`, int64(f.kind), f.who, f.what, b.mark, b.mark, b.mark)
		if err != nil {
			return err
		}
		b.dict.known[f] = true
		if fresh == 0 || r.learning(e) {
			continue
		}
		if err := r.tell(b, e, i, remote, f.kind); err != nil {
			return err
		}
	}
	return nil
}

// learned is what a life had shown when it was last looked at.
type learned struct {
	owned bool
	state netstat.State
}

// learning reports whether this history still learns what is usual.
func (r *recorder) learning(e *entry) bool { return max(e.opened, e.closed) < r.learns }

// tell stores a piece of news.
func (r *recorder) tell(b *batch, e *entry, i ids, remote host, kind NewsKind) error {
	s, at := &e.socket, e.opened
	if e.flags&OpenedBefore != 0 {
		at = b.now
	}
	uid := int64(-1)
	if s.HasUID {
		uid = int64(s.UID)
	}
	_, err := b.exec(`INSERT INTO news(time, kind, proto, family, state, local, lport, remote, rport, program, process, uid, netns)
		VALUES (`+marks(13)+`)`, at, int64(kind), int64(s.Proto), family(s), int64(s.State), i.local, int64(s.Local.Port()), i.remote,
		int64(s.Remote.Port()), i.program, i.process, uid, int64(s.NetNS))
	n := News{Time: time.UnixMicro(at), Kind: kind, Socket: *s}
	p := e.owners[0]
	process := &netstat.Process{PID: p.pid, Name: p.name, Module: p.unit}
	if p.started != 0 {
		process.Started = time.UnixMilli(p.started)
	}
	n.Socket.Owners = []netstat.Owner{{Process: process, FD: -1}}
	if remote.place != (place{}) {
		n.Place = remote.place.location()
	}
	r.news = append(r.news, n)
	return err
}

// herald tells sinks, beside the recorder.
type herald struct {
	sinks []Sink
	queue chan []News
	done  chan struct{}
	stop  context.CancelFunc
	fails chan error
}

// startHerald begins; it ends with stop and done.
func startHerald(sinks []Sink) *herald {
	ctx, stop := context.WithCancel(context.Background())
	h := &herald{sinks: sinks, queue: make(chan []News, 64), done: make(chan struct{}), stop: stop, fails: make(chan error, 1)}
	go h.run(ctx)
	return h
}

func (h *herald) run(ctx context.Context) {
	defer close(h.done)
	for news := range h.queue {
		var errs []error
		for _, s := range h.sinks {
			if err := s.Tell(ctx, news); err != nil && ctx.Err() == nil {
				errs = append(errs, err)
			}
		}
		h.fail(errors.Join(errs...))
	}
}

// fail passes an error on, or that there was none; an error in the place of what nobody has heard of yet.
func (h *herald) fail(err error) {
	if err != nil {
		select {
		case <-h.fails:
		default:
		}
	}
	select {
	case h.fails <- err:
	default:
	}
}

var errSlow = errors.New("history: what is told of news is too slow for them; some were left out (sockeye history --news has them)")

func (h *herald) tell(news []News) {
	if len(h.sinks) == 0 || len(news) == 0 {
		return
	}
	select {
	case h.queue <- news:
	default:
		h.fail(errSlow)
	}
}

// end waits a moment for what is being told.
func (h *herald) end() {
	close(h.queue)
	timer := time.AfterFunc(5*time.Second, h.stop)
	<-h.done
	timer.Stop()
	h.stop()
}

// News calls yield with what was new in a time, oldest first, until it returns an error. kinds are those wanted; none is all.
func (r *Reader) News(ctx context.Context, q Query, kinds []NewsKind, yield func(*News) error) error {
	var list []int64
	for _, k := range kinds {
		list = append(list, int64(k))
	}
	where := ""
	if len(list) > 0 {
		where = " AND kind IN (" + join(list) + ")"
	}
	if q.Names == nil {
		q.Names = new(view.Names)
	}
	rows, err := r.db.QueryContext(ctx, `SELECT 0, time, time, 0, proto, family, state, local, lport, remote, rport, program, process, 0, uid, netns,
		0, 0, 0, 0, 0, 0, kind FROM news WHERE time >= ? AND time < ?`+where+" ORDER BY time, id", micros(q.From), until(q.To))
	if err != nil {
		return wrap("read", r.path, err)
	}
	defer rows.Close()
	s := scan{reader: r, ctx: ctx, plan: &plan{q: q}}
	for rows.Next() {
		l, err := s.life(rows)
		if err != nil {
			return wrap("read", r.path, err)
		}
		s.place(l)
		if !q.Filter.Match(&l.Socket) {
			continue
		}
		if err := yield(&News{l.Opened, NewsKind(s.row.live), l.Socket, l.Place}); err != nil {
			return err
		}
	}
	return wrap("read", r.path, rows.Err())
}
