package qqwry

import "github.com/sockeye-net/sockeye/internal/geodat"

// follower follows redirections, so many as left allows.
type follower struct {
	b    geodat.Bytes
	size int // of an offset, in bytes
	left int
}

// whole finds where country and area begin, from where the record says so. It is 0 where the record has none.
func (f *follower) whole(p int) (int, error) {
	for {
		mode, err := f.b.Byte(p)
		if err != nil || mode != redirectAll {
			return p, err
		}
		if p, err = f.jump(p); err != nil || p == 0 {
			return 0, err
		}
	}
}

// field finds the text of the field at p, and where the next field is. The text is at 0 where there is none.
func (f *follower) field(p int) (text, next int, err error) {
	mode, err := f.b.Byte(p)
	if err != nil {
		return 0, 0, err
	}
	if mode != redirectAll && mode != redirectOnly {
		s, err := f.b.String(p, maxText)
		return p, p + len(s) + 1, err
	}
	next = p + 1 + f.size
	for mode == redirectAll || mode == redirectOnly {
		if p, err = f.jump(p); err != nil || p == 0 {
			return 0, next, err
		}
		if mode, err = f.b.Byte(p); err != nil {
			return 0, 0, err
		}
	}
	return p, next, nil
}

// jump reads the offset behind the mode at p.
func (f *follower) jump(p int) (int, error) {
	if f.left--; f.left < 0 {
		return 0, geodat.Errorf(p, "more than %d redirections in a row", maxRedirects)
	}
	return f.b.Offset(p+1, f.size)
}
