package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sockeye-net/sockeye/internal/transfer"
)

const (
	envPassphrase     = "SOCKEYE_PASSPHRASE"
	maxPassphraseFile = 4096
)

var errNoPassphrase = errors.New("there is no passphrase: give --passphrase-file or " + envPassphrase + ", or run it on a terminal, where it is asked for")

// passphrase is that of a file, of the environment, or what a person types; without a prompt nobody is asked, and it may be empty.
func (e *Env) passphrase(ctx context.Context, file, prompt string) (text string, err error) {
	switch {
	case file != "":
		text, err = passphraseFrom(file)
	case e.Getenv(envPassphrase) != "":
		text = e.Getenv(envPassphrase)
	case prompt == "":
		return "", nil
	default:
		text, err = e.ask(ctx, prompt)
	}
	if err != nil {
		return "", err
	}
	return text, transfer.CheckPassphrase(text)
}

// passphraseFrom reads the first line of a file.
func passphraseFrom(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", noSuchFile(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxPassphraseFile+1))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	if len(line) > maxPassphraseFile {
		return "", fmt.Errorf("%s: the first line has more than %d bytes", file, maxPassphraseFile)
	}
	return strings.TrimSuffix(line, "\r"), nil
}

// ask reads a line from the terminal without showing it. An interrupt gives the terminal its echo back.
func (e *Env) ask(ctx context.Context, prompt string) (string, error) {
	f, ok := e.Stdin.(*os.File)
	if !ok || !e.Interactive {
		return "", errNoPassphrase
	}
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", errNoPassphrase
	}
	fmt.Fprint(e.Stderr, prompt)
	defer fmt.Fprintln(e.Stderr)
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() { // which goes on after an interrupt: the process ends then
		b, err := term.ReadPassword(fd)
		read <- line{b, err}
	}()
	select {
	case l := <-read:
		if errors.Is(l.err, io.EOF) {
			return "", errNoPassphrase
		}
		return string(l.text), l.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		return "", ctx.Err()
	}
}
