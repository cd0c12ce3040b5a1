package geofetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-net/sockeye/geoip"
)

// facts are what is to be compared of two databases.
type facts struct {
	info   geoip.Info
	ranges int
}

// inspect opens a file that came, and reads every record.
func (u *update) inspect(f *os.File) (facts, error) {
	db, err := geoip.Open(f.Name())
	if err != nil {
		if errors.Is(err, geoip.ErrUnknownFormat) {
			return facts{}, whatElse(f)
		}
		return facts{}, fmt.Errorf("what the server sent is broken: %w", bare(err))
	}
	defer db.Close()
	n, err := u.count(db)
	switch {
	case context.Cause(u.ctx) != nil:
		return facts{}, context.Cause(u.ctx)
	case err != nil:
		return facts{}, fmt.Errorf("what the server sent is broken: %w", bare(err))
	case n == 0:
		return facts{}, errors.New("the database that the server sent is empty")
	}
	return facts{db.Info(), n}, nil
}

// bare is an error without the name of a file that nobody knows.
func bare(err error) error {
	var e *geoip.OpError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

const tellEvery = 4096 // ranges

// count reads every range.
func (u *update) count(db *geoip.DB) (n int, err error) {
	total := int64(db.Info().Ranges)
	for _, err := range db.All() {
		if err != nil {
			return n, err
		}
		if n++; n%tellEvery == 0 {
			if err := context.Cause(u.ctx); err != nil {
				return n, err
			}
			u.opt.Progress(Progress{Checking, int64(n), total})
		}
	}
	return n, nil
}

// installed describes the file that is there; it is zero where there is none, or one that is broken and can only be
// bettered.
func (u *update) installed() facts {
	if u.target.old == nil {
		return facts{}
	}
	db, err := geoip.Open(u.target.file)
	if err != nil {
		return facts{}
	}
	defer db.Close()
	n := u.state.Ranges
	if n == 0 {
		if n, err = u.count(db); err != nil {
			return facts{}
		}
	}
	return facts{db.Info(), n}
}

// instead says what speaks against one database in the place of another.
func (now *facts) instead(old facts) error {
	a, b := &old.info, &now.info
	switch {
	case a.Format == 0:
	case a.Format != b.Format:
		return doubt("the old file is a database in the format %v, the new one in %v", a.Format, b.Format)
	case typed(a.Format) && a.Type != b.Type:
		return doubt("the old file is a database of the type %q, the new one %q", a.Type, b.Type)
	case a.HasIPv4 && !b.HasIPv4:
		return doubt("the old file has IPv4 addresses, the new one has none")
	case a.HasIPv6 && !b.HasIPv6:
		return doubt("the old file has IPv6 addresses, the new one has none")
	case now.ranges < old.ranges/2:
		return doubt("the old file has %d ranges, the new one only %d", old.ranges, now.ranges)
	}
	return nil
}

// typed tells in which formats the type is what the database is about. In the others it may change from issue to issue.
func typed(f geoip.Format) bool { return f == geoip.MMDB || f == geoip.GeoIPDat }

func doubt(format string, args ...any) error { return &DoubtError{fmt.Sprintf(format, args...)} }

const shownBytes = 60

// whatElse says what came instead of a database: mostly a page for people, or a line of text.
func whatElse(f *os.File) error {
	b := make([]byte, 512)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	b = bytes.TrimSpace(b[:n])
	switch {
	case bytes.HasPrefix(b, []byte("<")):
		return errors.New("what the server sent is a web page, not a database")
	case isText(b):
		return fmt.Errorf("what the server sent is a text, not a database: %q", b[:min(len(b), shownBytes)])
	}
	return fmt.Errorf("what the server sent is %w", geoip.ErrUnknownFormat)
}

func isText(b []byte) bool {
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && len(b) >= utf8.UTFMax || r != utf8.RuneError && !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			return false
		}
		b = b[size:]
	}
	return true
}
