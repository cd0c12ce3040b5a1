package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"github.com/sockeye-net/sockeye/internal/annotate"
	"github.com/sockeye-net/sockeye/internal/view"
)

// geoAnnotate passes standard input on, with the place behind each address. What has come is passed before more is waited
// for.
func (e *Env) geoAnnotate(ctx context.Context, p *places, f *geoFlags) error {
	color, err := e.colored(&f.output)
	if err != nil {
		return err
	}
	if p.none() {
		e.note(e.errNoDatabase())
	}
	e.settle()
	notes := partials{env: e}
	notes.add(p.partial())
	err = e.annotate(ctx, annotate.New(&markedWriter{e.Stdout}, p.behind(color)))
	if ended(err) {
		return err // the other goroutine may be looking something up
	}
	notes.add(p.partial())
	return err
}

// annotate copies until the text ends. A read of a terminal or a pipe cannot be interrupted, so it is left behind.
func (e *Env) annotate(ctx context.Context, w *annotate.Writer) error {
	if e.Stdin == nil {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		_, err := w.ReadFrom(e.Stdin)
		done <- errors.Join(readFailed(err), w.Close())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errOutput marks what went wrong with the output, so that it is not taken for what went wrong with the input.
type errOutput struct{ error }

func (e errOutput) Unwrap() error { return e.error }

type markedWriter struct{ io.Writer }

func (w *markedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		err = errOutput{writeFailed(err)}
	}
	return n, err
}

// readFailed is about the input; what the output has to say, Close says.
func readFailed(err error) error {
	if _, output := err.(errOutput); output || err == nil {
		return nil
	}
	return fmt.Errorf("reading standard input: %w", err)
}

// behind writes " [China Hangzhou, China Telecom AS4134]", or nothing where nothing is known.
func (p *places) behind(color bool) annotate.Place {
	before, after := " [", "]"
	if color {
		before, after = " \x1b[36m[", "]\x1b[0m"
	}
	return func(dst []byte, a netip.Addr) []byte {
		loc := p.Lookup(a)
		if loc == nil {
			return dst
		}
		text := joinNew(" ", loc.Special, loc.Country, loc.Region, loc.City, loc.District)
		if network := networkText(loc); network != "" {
			text = joinNew(", ", view.CleanText(text), network)
		}
		return append(append(append(dst, before...), view.CleanText(text)...), after...)
	}
}
