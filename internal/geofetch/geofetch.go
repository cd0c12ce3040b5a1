// Package geofetch fetches a database of addresses from a server, and puts it in the place of an older one when it is
// known to be whole: the transfer ended where the server said it would, the checksum is the one that was asked for, every
// record can be read, and it is no less than what was there. Until then the old file is not touched, and then it is
// replaced at once: whoever opens it finds the one or the other.
//
// The server is not trusted: what it sends is bounded in size and in how long it may say nothing, and no address that it
// names is followed from https to http. Addresses may hold a key; no error of this package has a password or the value
// of a query in it.
package geofetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
)

// Source is a database, where it comes from, and where it belongs.
type Source struct {
	URL  string // http or https; the file may be packed by gzip, or in a tar (packed or not) or zip archive
	File string // to be replaced or made; its folder is made if there is none

	// SHA256 is the checksum of what the server sends (of the archive, where it is one), in 64 hexadecimal digits.
	// SHA256URL is where it can be had instead, in the form of sha256sum(1). Both may be empty.
	SHA256, SHA256URL string
}

// Options change how a database is fetched. The zero value is useful.
type Options struct {
	// Force fetches even what has not changed, and accepts a database that is less than the old one, or of another kind.
	Force bool

	MaxSize   int64         // of the file, packed and unpacked, in bytes; 0 is 1 GiB
	Idle      time.Duration // without an answer, or with less than 1 KiB of the file; 0 is 30 s
	UserAgent string
	TLS       *tls.Config // nil: that of the system

	// Progress is called often, by the goroutine that called Update.
	Progress func(Progress)
}

// Stage is what is being done.
type Stage uint8

// The stages, in their order.
const (
	Downloading Stage = iota // in bytes
	Unpacking                // in bytes
	Checking                 // in ranges
)

// Progress is how far it is.
type Progress struct {
	Stage Stage
	Done  int64
	Total int64 // 0 is not known
}

// Result is what was done.
type Result struct {
	File     string     // with symbolic links followed
	UpToDate bool       // it was not replaced, because the server has no other
	Info     geoip.Info // of the file as it is now
	Ranges   int        // in it
	Old      geoip.Info // of the one that was replaced; zero where there was none that opens
	Received int64      // bytes of the file, as sent
	Partial  []error    // what could not be done besides
}

// DoubtError says why a good database is not put in the place of the old one without Force.
type DoubtError struct{ What string }

func (e *DoubtError) Error() string { return e.What }

// ErrBusy is returned where another process updates the same file.
var ErrBusy = errors.New("another update of this file is under way")

const (
	defaultMaxSize = 1 << 30
	defaultIdle    = 30 * time.Second
)

// update is an Update on its way.
type update struct {
	ctx    context.Context
	src    Source
	opt    Options
	target *target
	client *client
	state  state  // what is known of the file that is there, by the last update
	want   digest // none: not asked for
	disk   disk
	result Result
}

// Update fetches a database if there is another one than the last time, checks it, and replaces the file. Whatever
// fails, and when ctx ends, the old file is as it was, and nothing else is left. Several may run at once; of those for
// the same file all but one fail with [ErrBusy], in this process or in others.
//
// A process that is killed leaves a hidden file beside the old one, which the next update removes. Beside the database
// stays a small hidden file that says what was fetched.
func Update(ctx context.Context, src Source, opt Options) (Result, error) {
	u := &update{ctx: ctx, src: src, opt: opt.complete()}
	u.client = newClient(u.opt, src)
	defer u.client.close()
	err := u.run()
	if cause := context.Cause(ctx); cause != nil && err != nil {
		err = cause // whatever it looked like
	}
	return u.result, u.client.scrub(err)
}

func (o Options) complete() Options {
	if o.MaxSize <= 0 {
		o.MaxSize = defaultMaxSize
	}
	if o.Idle <= 0 {
		o.Idle = defaultIdle
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	return o
}

func (u *update) run() (err error) {
	if u.target, err = newTarget(u.src.File); err != nil {
		return err
	}
	u.result.File = u.target.file
	if err := u.target.clean(); err != nil {
		return err
	}
	raw, err := u.target.temp() // first of all: it fails where all would be for nothing, and keeps others away
	if err != nil {
		return err
	}
	defer u.target.drop(raw)
	u.disk.dir = u.target.dir
	u.state = u.target.readState(u.src.URL)
	if u.want, err = u.wanted(); err != nil {
		return err
	}
	if !u.opt.Force && u.state.is(u.want) {
		return u.upToDate()
	}
	return u.fetch(raw)
}

// fetch does what is to be done where nothing is known to be up to date.
func (u *update) fetch(raw *os.File) error {
	next, err := u.download(raw)
	switch {
	case errors.Is(err, errNotModified):
		return u.upToDate()
	case err != nil:
		return err
	}
	if err := u.want.check(next.SHA256); err != nil {
		return err
	}
	whole, err := u.unpack(raw)
	if err != nil {
		return err
	}
	if whole != raw {
		defer u.target.drop(whole)
	}
	return u.install(whole, next)
}

// install checks the new file, and puts it where the old one is.
func (u *update) install(f *os.File, next state) error {
	now, err := u.inspect(f)
	if err != nil {
		return err
	}
	old := u.installed()
	if err := now.instead(old); err != nil && !u.opt.Force {
		return err
	}
	if err := u.ctx.Err(); err != nil {
		return err
	}
	if err := u.target.replace(f); err != nil {
		return u.disk.explain(err)
	}
	u.result.Info, u.result.Ranges, u.result.Old = now.info, now.ranges, old.info
	u.result.Info.Path = u.target.file
	next.Ranges = now.ranges
	if err := u.target.writeState(u.src.URL, next); err != nil {
		u.result.Partial = append(u.result.Partial, fmt.Errorf("the next update will fetch it again: %w", err))
	}
	return nil
}

// upToDate describes the file that is there.
func (u *update) upToDate() error {
	db, err := geoip.Open(u.target.file)
	if err != nil {
		return err
	}
	defer db.Close()
	u.result.UpToDate, u.result.Info, u.result.Ranges = true, db.Info(), u.state.Ranges
	return nil
}

// wanted is the checksum that was asked for.
func (u *update) wanted() (digest, error) {
	switch {
	case u.src.SHA256 != "":
		return parseHex(u.src.SHA256)
	case u.src.SHA256URL != "":
		return u.fetchDigest()
	}
	return "", nil
}

// condition makes the request one for another file than the one that is there. Where a checksum is known, it has told
// already that there is another.
func (u *update) condition() http.Header {
	h := http.Header{}
	if u.opt.Force || u.want != "" {
		return h
	}
	if u.state.ETag != "" {
		h.Set("If-None-Match", u.state.ETag)
	}
	if u.state.LastModified != "" {
		h.Set("If-Modified-Since", u.state.LastModified)
	}
	return h
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
