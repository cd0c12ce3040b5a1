package geoip

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

// engine understands one format. Its methods may be called concurrently.
type engine interface {
	// lookup finds the range that an address lies in. It takes no lock, and allocates only to decode a place.
	lookup(netip.Addr) (hit, error)
	// each calls yield for all ranges that have a place, until it returns false.
	each(yield func(hit) bool) error
	describe(*Info)
}

// hit is a range and its place, which is nil where there is none. The range is invalid where the file does not tell.
type hit struct {
	first, last netip.Addr
	place       *place
	apart       bool // the file has no addresses of this family
}

var noFamily = hit{apart: true}

// generation is one state of a database file: what one Open or Reload has opened. It does not change.
type generation struct {
	engine engine
	qqwry  *qqwryEngine // engine, where it is that
	format Format
	source string
	stat   os.FileInfo
	data   []byte
	mapped bool
	path   string
}

// openGeneration opens a file. A mapping is undone when the generation is garbage: only then is it certain that no
// lookup reads it, without one having to count them. That of a file which cannot be opened is undone at once.
func openGeneration(path string, opt options) (*generation, error) {
	g := &generation{path: path}
	if err := g.load(opt); err != nil {
		return nil, err
	}
	err := g.decode(opt)
	switch {
	case err == nil && g.mapped:
		runtime.AddCleanup(g, unmapFile, g.data)
	case g.mapped:
		unmapFile(g.data)
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

var errNoFile = errors.New("not a regular file")

// load maps the file, or reads it where it cannot be mapped. It looks at the path before it opens it, because to open a
// pipe is to wait for its writer.
func (g *generation) load(opt options) (err error) {
	if g.stat, err = os.Stat(g.path); err == nil && !g.stat.Mode().IsRegular() {
		return errNoFile
	}
	f, err := os.Open(g.path)
	if err != nil {
		return err
	}
	defer f.Close()
	if g.stat, err = f.Stat(); err != nil {
		return err
	}
	switch size := g.stat.Size(); {
	case !g.stat.Mode().IsRegular():
		return errNoFile
	case size == 0:
		return errors.New("the file is empty")
	case size != int64(int(size)):
		return errors.New("the file is larger than the address space")
	}
	if !opt.noMap {
		if g.data, err = mapFile(f, int(g.stat.Size())); err == nil {
			g.mapped = true
			return nil
		}
	}
	g.data, err = readFile(f, int(g.stat.Size()))
	return err
}

func (g *generation) decode(opt options) (err error) {
	if g.mapped {
		defer g.unguard(debug.SetPanicOnFault(true), &err)
	}
	if g.format = opt.format; g.format == 0 {
		g.format = sniff(g.data)
	}
	if g.format == 0 {
		return g.unknown(opt)
	}
	return g.decodeAs(opt)
}

// unknown is the error of a file that is of no known format. Where its name says what it should be, it says what is wrong
// with that: mostly, that the file was cut off.
func (g *generation) unknown(opt options) error {
	if isText(g.data) {
		return ErrUnknownFormat
	}
	g.format = named(g.path)
	err := g.decodeAs(opt)
	if e := (*FormatError)(nil); errors.As(err, &e) {
		return fmt.Errorf("%w: %w", ErrUnknownFormat, e)
	}
	return err
}

func (g *generation) decodeAs(opt options) (err error) {
	g.source = g.format.String()
	switch g.format {
	case QQWry:
		g.engine, err = openQQWry(g.data)
	case IPv6Wry:
		g.engine, err = openIPv6Wry(g.data)
	case MMDB:
		g.engine, err = openMMDB(g.data, opt)
	case XDB:
		g.engine, err = openXDB(g.data)
	case IPDB:
		g.engine, err = openIPDB(g.data, opt)
	case GeoIPDat:
		g.engine, err = openLegacy(g.data)
	default:
		return ErrUnknownFormat
	}
	g.qqwry, _ = g.engine.(*qqwryEngine)
	return g.explain(err)
}

// unguard is deferred around all that reads the mapping. Where a file was cut short, or its disk fails, the kernel sends
// SIGBUS for the page that is not there (mmap(2)); the runtime makes a panic of it when it is told to, and this an error.
func (g *generation) unguard(old bool, err *error) {
	debug.SetPanicOnFault(old)
	r := recover()
	runtime.KeepAlive(g)
	if r == nil {
		return
	}
	fault, ok := r.(interface{ Addr() uintptr })
	if !ok || !within(g.data, fault.Addr()) {
		panic(r)
	}
	*err = ErrFile
}

// explain adds the format to what a decoder says.
func (g *generation) explain(err error) error {
	var e *geodat.Error
	if errors.As(err, &e) {
		return &FormatError{g.format, e.Offset, e.What}
	}
	return err
}

// lookup fills in what the database knows of loc.Addr.
func (g *generation) lookup(loc *Location) error {
	if g.qqwry != nil {
		if h, ok := g.qqwry.quick(loc.Addr); ok {
			h.fill(loc, g.source)
			return nil
		}
	}
	return g.read(loc)
}

// read is a lookup that may have to read the file.
func (g *generation) read(loc *Location) (err error) {
	if g.mapped {
		defer g.unguard(debug.SetPanicOnFault(true), &err)
	}
	h, err := g.engine.lookup(loc.Addr)
	if err != nil {
		return g.explain(err)
	}
	h.fill(loc, g.source)
	return nil
}

// fill copies what was found.
func (h *hit) fill(loc *Location, source string) {
	switch {
	case h.first.IsValid():
		loc.First, loc.Last = h.first, h.last
	case !h.apart:
		loc.First, loc.Last = loc.Addr, loc.Addr
	}
	if h.place != nil {
		h.place.fill(loc, source)
	}
}

func (g *generation) all(yield func(Location) bool) (err error) {
	if g.mapped {
		defer g.unguard(debug.SetPanicOnFault(true), &err)
	}
	return g.explain(g.engine.each(func(h hit) bool {
		l := Location{Addr: h.first}
		h.fill(&l, g.source)
		return yield(l)
	}))
}

func (g *generation) describe() Info {
	i := Info{Path: g.path, Size: g.stat.Size(), Format: g.format, Mapped: g.mapped}
	var err error
	if g.mapped {
		defer g.unguard(debug.SetPanicOnFault(true), &err)
	}
	g.engine.describe(&i)
	return i
}

// isAt tells whether the file at path is the one that was opened, as it was then.
func (g *generation) isAt(path string) (bool, error) {
	now, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	same := os.SameFile(g.stat, now) && g.stat.Size() == now.Size() && g.stat.ModTime().Equal(now.ModTime())
	return same, nil
}
