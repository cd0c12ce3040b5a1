package geofetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// download writes what the server sends to a file, and returns what is to be remembered of it.
func (u *update) download(to *os.File) (state, error) {
	a, err := u.client.get(u.ctx, u.src.URL, u.condition())
	if err != nil {
		return state{}, err
	}
	defer a.Close()
	if err := a.accept(); err != nil {
		return state{}, err
	}
	total := max(a.ContentLength, 0)
	if total > u.opt.MaxSize {
		return state{}, u.tooLarge()
	}
	if err := u.disk.need(total); err != nil {
		return state{}, err
	}
	sum := sha256.New()
	n, err := u.copy(to, io.TeeReader(u.bound(a), sum), Progress{Stage: Downloading, Total: total})
	u.result.Received = n
	u.disk.needed = max(u.disk.needed, n)
	if err == nil && n == 0 {
		err = errors.New("the server sent an empty file")
	}
	return state{ETag: a.Header.Get("ETag"), LastModified: a.Header.Get("Last-Modified"), SHA256: digest(hex.EncodeToString(sum.Sum(nil)))}, err
}

// accept says why an answer is not the file that was asked for.
func (a *answer) accept() error {
	switch a.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		if a.Request.Header.Get("If-None-Match")+a.Request.Header.Get("If-Modified-Since") != "" {
			return errNotModified
		}
		return a.refused("")
	case http.StatusUnauthorized, http.StatusForbidden:
		return a.refused("; is the key in the address right, and does it permit this file?")
	case http.StatusNotFound, http.StatusGone:
		return a.refused("; is the address right?")
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return a.refused("; try again later")
	default:
		return a.refused("")
	}
	switch e := strings.ToLower(a.Header.Get("Content-Encoding")); e {
	case "", "identity", "gzip", "x-gzip": // some servers say so of a .gz file
		return nil
	default:
		return fmt.Errorf("%s sends the file in the encoding %q, though it was asked for it as it is", redact(a.from), e)
	}
}

func (a *answer) refused(hint string) error {
	return fmt.Errorf("%s answers %d %s%s", redact(a.from), a.StatusCode, http.StatusText(a.StatusCode), hint)
}

func (u *update) tooLarge() error {
	return fmt.Errorf("the file is larger than %d bytes, which is the most that is accepted", u.opt.MaxSize)
}

const copySize = 128 << 10

// copy writes all of src, telling how far it is.
func (u *update) copy(to *os.File, src io.Reader, p Progress) (int64, error) {
	w := diskWriter{&u.disk, to}
	for buf := make([]byte, copySize); ; {
		n, err := src.Read(buf)
		if _, err := w.Write(buf[:n]); err != nil {
			return p.Done, err
		}
		p.Done += int64(n)
		u.opt.Progress(p)
		switch err {
		case nil:
		case io.EOF:
			return p.Done, nil
		default:
			return p.Done, err
		}
	}
}

// bounded ends a reader that has more than it may, or when nobody wants it any more.
type bounded struct {
	u    *update
	r    io.Reader
	left int64
}

// bound is for all that comes out of what a server sent: a few bytes of an archive can become many.
func (u *update) bound(r io.Reader) io.Reader { return &bounded{u, r, u.opt.MaxSize} }

func (b *bounded) Read(p []byte) (int, error) {
	if err := context.Cause(b.u.ctx); err != nil {
		return 0, err
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.u.tooLarge()
	}
	return n, err
}
