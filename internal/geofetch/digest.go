package geofetch

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// digest is a SHA-256 in lower case hexadecimal digits; empty where there is none.
type digest string

const (
	digestLen  = 64
	maxSumFile = 64 << 10 // bytes
)

// parseHex reads a checksum that a user wrote.
func parseHex(text string) (digest, error) {
	if d, ok := hexDigest(text); ok {
		return d, nil
	}
	return "", fmt.Errorf("%q is not a SHA-256, which has %d hexadecimal digits", text, digestLen)
}

func hexDigest(text string) (digest, bool) {
	if len(text) != digestLen || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return "", false
	}
	return digest(strings.ToLower(text)), true
}

// check compares with what came.
func (d digest) check(got digest) error {
	if d == "" || d == got {
		return nil
	}
	return fmt.Errorf("the checksum is wrong: what the server sent has the SHA-256 %s, not %s", got, d)
}

// fetchDigest asks for the checksum.
func (u *update) fetchDigest() (digest, error) {
	a, err := u.client.get(u.ctx, u.src.SHA256URL, http.Header{})
	if err != nil {
		return "", fmt.Errorf("the checksum: %w", err)
	}
	defer a.Close()
	if err := a.accept(); err != nil {
		return "", fmt.Errorf("the checksum: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(a, maxSumFile+1))
	if err != nil {
		return "", fmt.Errorf("the checksum: %w", err)
	}
	name := ""
	if from, err := url.Parse(u.src.URL); err == nil {
		name = path.Base(from.Path)
	}
	d, ok := findDigest(string(text), name)
	if !ok || len(text) > maxSumFile {
		return "", fmt.Errorf("the checksum: %s answers with no SHA-256 of %q", redact(a.from), name)
	}
	return d, nil
}

// findDigest reads what sha256sum(1) writes: lines of a checksum, two characters, and a name; with --tag it is
// "SHA256 (name) = checksum". Of several the one of the file counts; a single one counts whatever its name.
func findDigest(text, name string) (digest, bool) {
	var only digest
	n := 0
	for line := range strings.Lines(text) {
		d, of, ok := digestLine(strings.TrimSpace(line))
		switch {
		case !ok:
		case of != "" && path.Base(of) == name:
			return d, true
		default:
			only = d
			n++
		}
	}
	return only, n == 1
}

func digestLine(line string) (d digest, name string, ok bool) {
	if rest, tagged := strings.CutPrefix(line, "SHA256 ("); tagged {
		i := strings.LastIndex(rest, ") = ")
		if i < 0 {
			return "", "", false
		}
		d, ok = hexDigest(rest[i+len(") = "):])
		return d, rest[:i], ok
	}
	hex, name, _ := strings.Cut(line, " ")
	d, ok = hexDigest(hex)
	return d, strings.TrimLeft(name, " *"), ok
}
