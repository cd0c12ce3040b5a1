package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
)

const (
	// maxAsked is how many questions are read ahead of the one that is answered: so many names are resolved at once.
	maxAsked = 32
	// maxLine bounds a line of questions, in bytes. A name has at most 253 (RFC 1035, 2.3.4, as text).
	maxLine     = 1024
	maxHost     = 253
	resolveTime = 20 * time.Second
)

// geoQuestion is an address, or a name whose addresses come when resolved is closed.
type geoQuestion struct {
	text     string
	addrs    []netip.Addr
	named    bool // text is a name
	err      error
	ended    bool // err is about the input, not about this question
	resolved chan struct{}
}

// host is the name that was asked for, empty for an address.
func (q *geoQuestion) host() string {
	if q.named {
		return q.text
	}
	return ""
}

// asker makes questions of arguments and lines.
type asker struct {
	env     *Env
	ctx     context.Context
	numeric bool
	to      chan *geoQuestion
}

// questions gives what is asked, in its order, until it ends or ctx does.
func (e *Env) questions(ctx context.Context, f *geoFlags, args []string) <-chan *geoQuestion {
	a := &asker{env: e, ctx: ctx, numeric: f.numeric, to: make(chan *geoQuestion, maxAsked)}
	if len(args) == 0 {
		args = []string{"-"}
	}
	go func() {
		defer close(a.to)
		for _, arg := range args {
			if ok := a.argument(arg); !ok {
				return
			}
		}
	}()
	return a.to
}

// argument reports false when there is no use in going on.
func (a *asker) argument(arg string) bool {
	if arg == "-" {
		return a.lines(a.env.Stdin)
	}
	return a.ask(arg)
}

// lines asks each line. One that is too long is told, and left.
func (a *asker) lines(from io.Reader) bool {
	if from == nil {
		return true
	}
	r := bufio.NewReaderSize(from, 64<<10)
	for n := 1; ; n++ {
		line, err := readLine(r)
		text := strings.TrimSpace(strings.TrimPrefix(line, "\ufeff"))
		switch {
		case errors.Is(err, errLongLine):
			if !a.put(&geoQuestion{text: text, err: fmt.Errorf("line %d is longer than %d bytes: neither an address nor a name", n, maxLine)}) {
				return false
			}
			continue
		case text != "" && !a.ask(text):
			return false
		case errors.Is(err, io.EOF):
			return true
		case err != nil:
			a.put(&geoQuestion{err: readFailed(err), ended: true})
			return false
		}
	}
}

var errLongLine = errors.New("long line")

// readLine reads a line of at most maxLine bytes; of a longer one, its beginning and errLongLine.
func readLine(r *bufio.Reader) (string, error) {
	part, err := r.ReadSlice('\n')
	text := string(part[:min(len(part), 64)])
	long := len(part) > maxLine
	if !long {
		text = string(part)
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.ReadSlice('\n')
	}
	if long && (err == nil || errors.Is(err, io.EOF)) {
		err = errLongLine // at the end of the file the next call says so again
	}
	return text, err
}

func (a *asker) ask(text string) bool {
	q := &geoQuestion{text: text}
	if addr, ok := parseAddr(text); ok {
		q.addrs = []netip.Addr{addr}
		return a.put(q)
	}
	q.named = true
	if q.err = a.checkHost(text); q.err != nil {
		return a.put(q)
	}
	q.resolved = make(chan struct{})
	// It is put first: as many names are resolved at once as there is room for questions.
	if !a.put(q) {
		return false
	}
	go func() {
		defer close(q.resolved)
		q.addrs, q.err = a.resolve(text)
	}()
	return true
}

func (a *asker) put(q *geoQuestion) bool {
	select {
	case a.to <- q:
		return true
	case <-a.ctx.Done():
		return false
	}
}

// parseAddr reads an address alone, in brackets, or with a port.
func parseAddr(text string) (netip.Addr, bool) {
	inside := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		inside = text[1 : len(text)-1]
	}
	if addr, err := netip.ParseAddr(inside); err == nil {
		return addr, true
	}
	ap, err := netip.ParseAddrPort(text)
	return ap.Addr(), err == nil
}

// checkHost says why a text is not to be looked up as a name.
func (a *asker) checkHost(text string) error {
	shown := view.Cut(view.CleanText(text), 60)
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	last := labels[len(labels)-1]
	switch {
	case text == "":
		return errors.New(`"": neither an address nor the name of a host`)
	case len(text) > maxHost, strings.Trim(last, "0123456789") == "", !plainHost(text):
		return fmt.Errorf("%s: neither an address nor the name of a host", shown)
	case a.numeric:
		return fmt.Errorf("%s: not an address, and names are not looked up with -n", shown)
	case a.env.Resolve == nil:
		return fmt.Errorf("%s: %w", shown, errors.ErrUnsupported)
	}
	return nil
}

// plainHost knows the characters of names (RFC 1123, 2.1, and the underscore, which is usual).
func plainHost(text string) bool {
	for i := range len(text) {
		c := text[i] | 0x20
		if !(c >= 'a' && c <= 'z' || text[i] >= '0' && text[i] <= '9' || text[i] == '-' || text[i] == '_' || text[i] == '.') {
			return false
		}
	}
	return !strings.HasPrefix(text, "-") && !strings.HasPrefix(text, ".") && !strings.Contains(text, "..")
}

func (a *asker) resolve(host string) (addrs []netip.Addr, err error) {
	ctx, cancel := context.WithTimeout(a.ctx, resolveTime)
	defer cancel()
	found, err := a.env.Resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", host, plainDNS(err))
	}
	for _, addr := range found {
		addrs = append(addrs, addr.Unmap())
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s: the name has no address", host)
	}
	return addrs, nil
}

// plainDNS leaves out what is said twice: a net.DNSError repeats the name.
func plainDNS(err error) error {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return err
	case dns.IsNotFound:
		return errors.New("there is no such host")
	case dns.IsTimeout:
		return errors.New("the name server does not answer")
	}
	return errors.New(dns.Err)
}

// resolveHost asks the system's resolver.
func resolveHost(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}
