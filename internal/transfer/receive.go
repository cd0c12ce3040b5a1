package transfer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// receiving is the receiver's end of a connection.
type receiving struct {
	*server
	link  *link
	peer  netip.AddrPort
	moved int64
	ended int // files
	here  int // files of which we have the content
	bufs  chunks
}

// open greets, and finds out whether the sender knows the passphrase.
func (r *receiving) open(ctx context.Context) error {
	err := r.link.greet(r.cfg.Plain)
	if err == nil && !r.cfg.Plain {
		err = r.link.secureReceiver(ctx, r.secret, r.cert, &r.guard)
	}
	if err != nil {
		return err
	}
	r.tell.Lock()
	defer r.tell.Unlock()
	if r.cfg.Opened != nil {
		r.cfg.Opened(r.peer)
	}
	return nil
}

// run takes files until the sender says goodbye.
func (r *receiving) run(ctx context.Context) error {
	stop := r.link.keepAlive()
	defer stop()
	for {
		h, err := r.link.next()
		if err != nil {
			return err
		}
		switch h.kind {
		case bye:
			return r.link.send(head{kind: bye}.put(nil))
		case offer:
			err = r.offered(ctx, h)
		default:
			err = unexpected(h)
		}
		if err != nil {
			return err
		}
	}
}

func unexpected(h head) error {
	return fmt.Errorf("%w: frame %d out of turn", errProtocol, h.kind)
}

// offered is a file, from its offer to its result. The error is that of the connection.
func (r *receiving) offered(ctx context.Context, h head) error {
	b, err := r.link.body(h)
	if err != nil {
		return err
	}
	o, err := parseOffer(b)
	if err != nil {
		return err
	}
	t := &target{Offer: o}
	defer r.letGo(t)
	res := &Result{Peer: r.peer, Name: o.Name, Dir: o.Dir, Size: o.Size}
	v, err := r.receive(ctx, t, res)
	res.Status = v.status
	switch {
	case err != nil:
		res.Status, res.Err, res.Lost = Failed, err, true
	case v.text != "":
		res.Err = errors.New(v.text)
	}
	res.Held = t.at
	r.done(res)
	return err
}

func (r *receiving) done(res *Result) {
	r.tell.Lock()
	defer r.tell.Unlock()
	r.ended++
	if res.Status.OK() && !res.Dir {
		r.here++
	}
	if r.cfg.Done != nil {
		r.cfg.Done(res)
	}
}

func (r *receiving) progress(t *target, checking bool, at, size int64) {
	if r.cfg.Progress == nil {
		return
	}
	r.tell.Lock()
	defer r.tell.Unlock()
	r.cfg.Progress(&Progress{Peer: r.peer, Name: t.Name, Checking: checking, Done: at, Size: size, Moved: r.moved, Ended: r.ended})
}

func (r *receiving) receive(ctx context.Context, t *target, res *Result) (verdict, error) {
	v := r.prepare(ctx, t)
	if v.status != 0 {
		err := r.link.send(v.put(nil))
		if err == nil && t.eager {
			err = r.discard()
		}
		return v, err
	}
	if !t.eager {
		if v, err := r.answer(ctx, t); v.status != 0 || err != nil {
			return v, err
		}
	}
	return r.content(t, res)
}

// answer says what of the file is here, proves it, and learns where the content begins.
func (r *receiving) answer(ctx context.Context, t *target) (verdict, error) {
	if err := r.link.send(held{t.held, t.exact}.put(nil)); err != nil {
		return verdict{}, err
	}
	if t.held > 0 {
		if err := r.prove(ctx, t); err != nil {
			return r.sendVerdict(Failed, "what is there already cannot be read: "+reason(err)) // the sender waits for the proof
		}
	}
	h, err := r.link.next()
	if err != nil {
		return verdict{}, err
	}
	b, err := r.link.body(h)
	switch {
	case err != nil:
		return verdict{}, err
	case h.kind == abort && t.exact && string(b) == errOther.Error():
		return r.sendVerdict(Refused, existsText)
	case h.kind == abort:
		return r.sendVerdict(Failed, string(b))
	case h.kind != begin:
		return verdict{}, unexpected(h)
	}
	switch at := int64(binary.BigEndian.Uint64(b)); at {
	case 0:
		return r.fromStart(t)
	case t.held:
		t.at = at
		return verdict{}, nil
	default:
		return verdict{}, fmt.Errorf("%w: content from %d on, where %d are held", errProtocol, at, t.held)
	}
}

// fromStart gives up what is held.
func (r *receiving) fromStart(t *target) (verdict, error) {
	t.hash.reset()
	if t.exact { // the sender must not go on with what is not wanted
		return verdict{}, fmt.Errorf("%w: content for a file that is there", errProtocol)
	}
	if err := r.renew(t); err != nil {
		t.failed = &verdict{Failed, reason(err)}
		return verdict{}, r.link.send(t.failed.put(nil))
	}
	return verdict{}, nil
}

func (r *receiving) sendVerdict(s Status, text string) (verdict, error) {
	v := verdict{s, text}
	return v, r.link.send(v.put(nil))
}

// prove sends the hash of what is held.
func (r *receiving) prove(ctx context.Context, t *target) error {
	told := func(at int64) { r.progress(t, true, at, t.held) }
	if err := hashPart(ctx, t.file, 0, t.held, t.hash.sum, r.bufs.next(), told); err != nil {
		return err
	}
	return r.link.send(putHash(nil, proof, t.hash.value()))
}

// content takes data until the end, writes it, and puts the file in its place. After a failure, of which the sender was
// told at once, what is still on its way is thrown away.
func (r *receiving) content(t *target, res *Result) (verdict, error) {
	res.Offset = t.at
	for {
		h, err := r.link.next()
		if err != nil {
			return verdict{}, err
		}
		switch h.kind {
		case data:
			if err := r.data(t, res, int64(h.size)); err != nil {
				return verdict{}, err
			}
			continue
		case end, abort:
		default:
			return verdict{}, unexpected(h)
		}
		b, err := r.link.body(h)
		switch {
		case err != nil:
			return verdict{}, err
		case t.failed != nil:
			return *t.failed, nil
		case h.kind == abort:
			return r.sendVerdict(Failed, string(b))
		case t.at != t.Size:
			return verdict{}, fmt.Errorf("%w: %d bytes of %d", errProtocol, t.at, t.Size)
		}
		res.Hash, res.Hashed = t.hash.value(), true
		if res.Hash != [hashSize]byte(b) {
			r.drop(t)
			res.Hashed = false
			return r.sendVerdict(Failed, "the checksum is not that of what was sent")
		}
		v := r.install(t)
		return v, r.link.send(v.put(nil))
	}
}

// data takes one frame of content.
func (r *receiving) data(t *target, res *Result, size int64) error {
	if size > t.Size-t.at && t.failed == nil {
		return fmt.Errorf("%w: more content than was offered", errProtocol)
	}
	for size > 0 {
		b := r.bufs.next()
		b = b[:min(int64(len(b)), size)]
		if _, err := io.ReadFull(r.link.in, b); err != nil {
			return broken(err)
		}
		size -= int64(len(b))
		r.moved += int64(len(b))
		res.Sent += int64(len(b))
		if t.failed != nil {
			continue
		}
		r.bufs.hash(t.hash, b)
		if err := t.write(b); err != nil {
			t.failed = &verdict{Failed, reason(err)}
			if err := r.link.send(t.failed.put(nil)); err != nil {
				return err
			}
			continue
		}
		r.progress(t, false, t.at, t.Size)
	}
	return nil
}

// discard throws away what was sent with an offer that is refused.
func (r *receiving) discard() error {
	for left := int64(eagerSize); ; {
		h, err := r.link.next()
		if err != nil {
			return err
		}
		switch left -= int64(h.size); {
		case h.kind != data && h.kind != end && h.kind != abort, h.kind == data && left < 0:
			return unexpected(h)
		}
		if _, err := r.link.in.Discard(int(h.size)); err != nil {
			return broken(err)
		}
		if h.kind != data {
			return nil
		}
	}
}
