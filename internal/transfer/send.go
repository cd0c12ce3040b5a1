package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	eagerSize = 64 << 10 // files up to here are sent with their offer, without waiting for an answer
	window    = 256      // files that may be sent and not yet confirmed
	waitPause = 200 * time.Millisecond
)

// SendConfig says how files are sent.
type SendConfig struct {
	Passphrase string
	Plain      bool          // neither encrypted nor authenticated; the receiver must say so too
	Idle       time.Duration // how long nothing may be heard of the receiver: 0 is DefaultIdle
	Connect    time.Duration // how long connecting may take: 0 is the system's time
	Wait       time.Duration // how long to try again while nobody listens

	// Progress is called often while content is sent, and Done once for each source. They are never called at once.
	Progress func(*Progress)
	Done     func(*Result)
}

// Progress is how far a connection is.
type Progress struct {
	Peer       netip.AddrPort
	Name       string
	Checking   bool  // a part that the receiver has is compared
	Done, Size int64 // bytes of this file
	Moved      int64 // bytes of content over the connection so far
	Ended      int   // files of which the result is known
}

// Result is what became of a file.
type Result struct {
	Peer   netip.AddrPort
	Name   string
	Path   string // of the sender's file; empty at the receiver
	Dir    bool
	Size   int64
	Offset int64 // what the receiver had before, of the same content
	Sent   int64 // bytes of content over the connection
	Held   int64 // what the receiver has now, whole or not; at the receiver
	Hash   [hashSize]byte
	Hashed bool // Hash is the SHA-256 of the whole file
	Status Status
	Grew   bool  // the sender's file is longer by now
	Err    error // why it is not there
	Lost   bool  // because the connection ended, of which Err tells
}

// Send connects to a receiver and sends the sources, one after the other. The error is what ended the connection; what is
// wrong with one file is in its Result only.
func Send(ctx context.Context, addr string, sources []Source, cfg *SendConfig) error {
	s := &sending{cfg: cfg, pending: make(chan *outgoing, window), dead: make(chan struct{})}
	err := s.open(ctx, addr)
	if err == nil {
		err = s.run(ctx, sources)
	} else {
		s.rest(sources, err)
	}
	if s.link != nil {
		s.undo()
		s.link.wire.Close()
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// open connects, greets and proves. A link that is there afterwards is to be closed, also after an error.
func (s *sending) open(ctx context.Context, addr string) (err error) {
	var key []byte
	if !s.cfg.Plain {
		if key, err = secret(s.cfg.Passphrase); err != nil {
			return err
		}
	}
	c, err := connect(ctx, addr, s.cfg)
	if err != nil {
		return err
	}
	s.link, s.undo = newLink(c, s.cfg.Idle, true), context.AfterFunc(ctx, func() { c.Close() })
	s.peer, _ = netip.ParseAddrPort(c.RemoteAddr().String())
	if err := s.link.greet(s.cfg.Plain); err != nil || s.cfg.Plain {
		return err
	}
	return s.link.secureSender(ctx, key)
}

// connect tries again for cfg.Wait where nobody listens yet.
func connect(ctx context.Context, addr string, cfg *SendConfig) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: cfg.Connect}
	for until := time.Now().Add(cfg.Wait); ; {
		c, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			return c.(*net.TCPConn), nil
		}
		if !errors.Is(err, errRefused) || time.Now().After(until) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(waitPause):
		}
	}
}

// sending is the sender's end of a connection.
type sending struct {
	cfg   *SendConfig
	link  *link       // nil before there is a connection
	undo  func() bool // ends what closes it when the context ends
	peer  netip.AddrPort
	moved int64
	count atomic.Int64 // results

	pending chan *outgoing // whose results are awaited, in the order of their offers
	asked   *outgoing      // the one that answers are about; of the goroutine that reads
	dead    chan struct{}  // closed when nothing more is read
	err     error          // why; valid once dead is closed

	tell sync.Mutex // one callback at a time
	bufs chunks
}

// outgoing is a file on its way. The goroutine that sends and the one that reads answers both have a part in its Result.
type outgoing struct {
	Result
	parts   atomic.Int32 // of the two, how many have done theirs
	held    chan held
	proof   chan [hashSize]byte
	decided chan struct{} // closed when the verdict is there
	verdict verdict
	failure error // of ours; it goes before what the receiver says
}

func (s *sending) run(ctx context.Context, sources []Source) error {
	stop := s.link.keepAlive()
	defer stop()
	go s.read()
	err := s.all(ctx, sources)
	if err == nil {
		err = s.link.send(head{kind: bye}.put(nil))
	}
	if err != nil {
		s.link.wire.Close()
	}
	<-s.dead
	s.lose()
	// Why reading ended says more than a write that failed after it did; but not where it ended because we closed.
	if s.err != nil && (err == nil || errors.Is(err, ErrBroken) && !errors.Is(s.err, ErrBroken)) {
		err = s.err
	}
	return err
}

// all sends the sources. Those that were not finished when the connection broke have a Result too.
func (s *sending) all(ctx context.Context, sources []Source) error {
	for i := range sources {
		if err := s.one(ctx, &sources[i]); err != nil {
			s.rest(sources[i+1:], err)
			return err
		}
	}
	return nil
}

func (s *sending) rest(sources []Source, err error) {
	for i := range sources {
		src := &sources[i]
		s.done(&Result{Peer: s.peer, Name: src.Name, Path: src.Path, Dir: src.Dir, Size: src.Size, Status: Failed, Err: err, Lost: true})
	}
}

func (s *sending) one(ctx context.Context, src *Source) error {
	o := &outgoing{Result: Result{Peer: s.peer, Name: src.Name, Path: src.Path, Dir: src.Dir, Size: src.Size},
		held: make(chan held, 1), proof: make(chan [hashSize]byte, 1), decided: make(chan struct{})}
	f, info, err := openSource(src)
	if err != nil {
		o.Status, o.Err = Failed, errors.New(reason(err))
		s.done(&o.Result)
		return nil
	}
	if f != nil {
		defer f.Close()
	}
	offer := Offer{Name: src.Name, Dir: src.Dir, Mode: modeOf(info), Time: info.ModTime()}
	if !src.Dir {
		offer.Size = info.Size()
	}
	o.Size = offer.Size
	switch {
	case src.Dir:
		err = s.offer(o, offer.put(nil))
	case offer.Size <= eagerSize:
		err = s.eager(o, &offer, f)
	default:
		err = s.large(ctx, o, &offer, f, info)
	}
	s.part(o)
	return err
}

// openSource opens a file, and makes sure that it is one still. A folder is not opened.
func openSource(src *Source) (*os.File, os.FileInfo, error) {
	if src.err != nil {
		return nil, nil, src.err
	}
	if src.Dir {
		info, err := os.Stat(src.Path)
		return nil, info, err
	}
	f, err := openFile(src.Path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("is no file any more")
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// offer sends frames that begin with the offer of o, whose result is awaited from now on.
func (s *sending) offer(o *outgoing, frames []byte) error {
	select {
	case s.pending <- o:
	case <-s.dead:
		s.part(o) // nobody else will
		return s.gone()
	}
	return s.link.send(frames)
}

// gone is why nothing more can be sent.
func (s *sending) gone() error {
	if s.err != nil {
		return s.err
	}
	return ErrBroken
}

// eager sends a small file with its offer, in one piece.
func (s *sending) eager(o *outgoing, offer *Offer, f *os.File) error {
	content, err := readUpTo(f, offer.Size)
	if err != nil {
		o.failure = errors.New(reason(err))
		o.Status, o.Err = Failed, o.failure
		o.parts.Add(1) // the receiver has no part in it
		return nil
	}
	offer.eager, offer.Size = true, int64(len(content))
	o.Size = offer.Size
	h := newHasher()
	h.bytes(content)
	o.Hash, o.Hashed = h.value(), true
	frames := offer.put(nil)
	if len(content) > 0 {
		frames = append(head{data, uint32(len(content))}.put(frames), content...)
	}
	o.Sent = int64(len(content))
	s.moved += o.Sent
	s.progress(o, o.Size)
	return s.offer(o, putHash(frames, end, o.Hash))
}

// part notes that one of the two who have a part in the result has done it. The second one tells of the result.
func (s *sending) part(o *outgoing) {
	if o.parts.Add(1) != 2 {
		return
	}
	select {
	case <-o.decided:
		o.Status = o.verdict.status
		if o.verdict.text != "" {
			o.Err = errors.New(o.verdict.text)
		}
	default:
		if o.failure == nil {
			o.failure, o.Lost = s.gone(), true
		}
	}
	if o.failure != nil {
		o.Status, o.Err = Failed, o.failure
	}
	s.done(&o.Result)
}

func (s *sending) done(r *Result) {
	s.tell.Lock()
	defer s.tell.Unlock()
	s.count.Add(1)
	if s.cfg.Done != nil {
		s.cfg.Done(r)
	}
}

func (s *sending) progress(o *outgoing, at int64) {
	s.report(&Progress{Peer: s.peer, Name: o.Name, Done: at, Size: o.Size, Moved: s.moved})
}

func (s *sending) report(p *Progress) {
	if s.cfg.Progress == nil {
		return
	}
	s.tell.Lock()
	defer s.tell.Unlock()
	p.Ended = int(s.count.Load())
	s.cfg.Progress(p)
}

// read takes what the receiver says, until it has said goodbye or the connection breaks.
func (s *sending) read() {
	s.err = s.answers()
	if s.err != nil {
		s.link.wire.Close() // whoever writes must not wait for a receiver that is lost
	}
	close(s.dead)
}

func (s *sending) answers() error {
	for {
		h, err := s.link.next()
		if err != nil {
			return err
		}
		if h.kind == bye {
			if s.asked != nil || len(s.pending) > 0 {
				return fmt.Errorf("%w: it says goodbye with files open", errProtocol)
			}
			return nil
		}
		b, err := s.answer(h)
		if err != nil {
			return err
		}
		if err := s.take(s.asked, h.kind, b); err != nil {
			return err
		}
		if h.kind == result {
			s.part(s.asked)
			s.asked = nil
		}
	}
}

// answer reads a frame about the first pending file.
func (s *sending) answer(h head) ([]byte, error) {
	if h.kind != answer && h.kind != proof && h.kind != result {
		return nil, fmt.Errorf("%w: a frame %d from a receiver", errProtocol, h.kind)
	}
	b, err := s.link.body(h)
	if err != nil {
		return nil, err
	}
	if s.asked == nil {
		select {
		case s.asked = <-s.pending:
		default:
			if v, err := parseVerdict(b); h.kind == result && err == nil && v.status == Unwelcome {
				return nil, &refusal{v.text}
			}
			return nil, fmt.Errorf("%w: an answer without a question", errProtocol)
		}
	}
	return b, nil
}

func (s *sending) take(o *outgoing, k kind, b []byte) error {
	switch k {
	case answer:
		h, err := parseHeld(b)
		if err != nil {
			return err
		}
		select {
		case o.held <- h:
		default:
			return fmt.Errorf("%w: two answers", errProtocol)
		}
	case proof:
		select {
		case o.proof <- [hashSize]byte(b):
		default:
			return fmt.Errorf("%w: two proofs", errProtocol)
		}
	case result:
		v, err := parseVerdict(b)
		if err != nil {
			return err
		}
		o.verdict = v
		close(o.decided)
	}
	return nil
}

// lose gives up what is pending, once nothing is read and nothing offered any more.
func (s *sending) lose() {
	if s.asked != nil {
		s.part(s.asked)
		s.asked = nil
	}
	for {
		select {
		case o := <-s.pending:
			s.part(o)
		default:
			return
		}
	}
}
