package relay

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/pipe"
)

// Kind is what an end is.
type Kind uint8

// The kinds of ends.
const (
	Pipe Kind = iota + 1
	PipeListen
	TCP
	TCPListen
	Unix
	UnixListen
	Stdio
	Exec
	Echo // what comes is sent back
)

// kinds are the words for them, with what stands behind the colon.
var kinds = [...]struct{ word, takes string }{
	Pipe: {"pipe", "NAME"}, PipeListen: {"pipe-listen", "NAME"},
	TCP: {"tcp", "HOST:PORT"}, TCPListen: {"tcp-listen", "[ADDR:]PORT"},
	Unix: {"unix", "PATH"}, UnixListen: {"unix-listen", "PATH"},
	Stdio: {"stdio", ""}, Exec: {"exec", "CMD"}, Echo: {"echo", ""},
}

func (k Kind) String() string { return kinds[k].word }

// Listens reports whether others connect to it.
func (k Kind) Listens() bool { return k == PipeListen || k == TCPListen || k == UnixListen }

// Words are how ends begin, for completion: a colon stands behind those that take something.
func Words() (words []string) {
	for _, k := range kinds[1:] {
		if k.takes != "" {
			k.word += ":"
		}
		words = append(words, k.word)
	}
	return words
}

// Address is one of the two ends of a relay.
type Address struct {
	Kind Kind
	Name string   // of the pipe, HOST:PORT, path, or command, as it is used
	Args []string // of Exec
}

func (a Address) String() string {
	if a.Name == "" {
		return a.Kind.String()
	}
	return a.Kind.String() + ":" + a.Name
}

// Parse reads KIND:REST. The error quotes what it does not understand.
func Parse(text string) (Address, error) {
	word, rest, colon := strings.Cut(text, ":")
	for i, k := range kinds {
		if k.word == "" || !strings.EqualFold(word, k.word) {
			continue
		}
		a := Address{Kind: Kind(i), Name: rest}
		if (k.takes == "") == colon && rest != "" || k.takes != "" && rest == "" {
			return a, fmt.Errorf("%q: it is written %s", text, strings.TrimSuffix(k.word+":"+k.takes, ":"))
		}
		if err := a.check(); err != nil {
			return a, fmt.Errorf("%q: %w", text, err)
		}
		return a, nil
	}
	if text == "-" {
		return Address{Kind: Stdio}, nil
	}
	return Address{}, fmt.Errorf("%q is no end: an end begins with one of %s", text, strings.Join(Words(), " "))
}

func (a *Address) check() (err error) {
	switch a.Kind {
	case Pipe, PipeListen:
		a.Name = PipeName(a.Name)
	case TCP, TCPListen:
		a.Name, err = hostPort(a.Name, a.Kind == TCPListen)
	case Exec:
		a.Args, err = splitCommand(a.Name)
		if err == nil && (len(a.Args) == 0 || a.Args[0] == "") {
			err = errors.New("there is no command")
		}
	}
	return err
}

// PipeName is the whole name of a pipe: a name without slashes is short for \\.\pipe\NAME.
func PipeName(name string) string {
	if name == "" || strings.ContainsAny(name, `/\`) {
		return name
	}
	return `\\.\pipe\` + name
}

// hostPort checks HOST:PORT. To listen, a port alone is that of 127.0.0.1, so that nothing is opened to a network by
// omission; * is every address.
func hostPort(text string, listens bool) (string, error) {
	if listens && strings.Trim(text, "0123456789") == "" {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", errors.New("an address is HOST:PORT, of IPv6 [ADDRESS]:PORT")
	}
	switch {
	case listens && host == "":
		host = "127.0.0.1"
	case listens && host == "*":
		host = ""
	case host == "":
		host = "localhost"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err == nil && n == 0 && !listens {
		return "", errors.New("nobody listens on port 0")
	} else if _, lookup := net.LookupPort("tcp", port); err != nil && lookup != nil {
		return "", fmt.Errorf("%q is no port", port)
	}
	return net.JoinHostPort(host, port), nil
}

// NotFound reports whether err says that there is nobody to connect to.
func NotFound(err error) bool {
	return errors.Is(err, pipe.ErrNotExist) || errors.Is(err, fs.ErrNotExist)
}
