package geofetch

import (
	"net/url"
	"regexp"
	"strings"
)

const hidden = "..."

// Redact is an address without what may be secret in it: user and password, the values of the query, the fragment.
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		scheme, _, ok := strings.Cut(address, "://")
		if !ok {
			return hidden
		}
		return scheme + "://" + hidden
	}
	return redact(u)
}

func redact(u *url.URL) string {
	if u.Host == "" {
		return hidden
	}
	user := ""
	if u.User != nil {
		user = hidden + "@"
	}
	return u.Scheme + "://" + user + u.Host + u.EscapedPath() + redactQuery(u.RawQuery)
}

func redactQuery(query string) string {
	if query == "" {
		return ""
	}
	parts := strings.Split(query, "&")
	for i, p := range parts {
		name, _, ok := strings.Cut(p, "=")
		if parts[i] = hidden; ok {
			parts[i] = name + "=" + hidden
		}
	}
	return "?" + strings.Join(parts, "&")
}

// shortSecret is the length below which a value is no key, and may stand in a message by chance.
const shortSecret = 6

// secrets are the parts of addresses that no message may have, as they are written and as they are meant.
func secrets(addresses ...string) (all []string) {
	add := func(s string) {
		if len(s) >= shortSecret {
			all = append(all, s)
		}
	}
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil {
			continue
		}
		if password, ok := u.User.Password(); ok {
			add(password)
		}
		add(u.User.Username())
		for _, p := range strings.Split(u.RawQuery, "&") {
			_, raw, _ := strings.Cut(p, "=")
			add(raw)
			if plain, err := url.QueryUnescape(raw); err == nil {
				add(plain)
			}
		}
	}
	return all
}

var addressPattern = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)

// scrubbed is an error whose text has no secrets. What it wraps may have them, and is not to be printed.
type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.err }

// scrub takes addresses and secrets out of an error: those of the system and of net/http quote what they were given, a
// proxy's address for one.
func scrub(err error, secrets []string) error {
	if err == nil {
		return nil
	}
	text := addressPattern.ReplaceAllStringFunc(err.Error(), Redact)
	for _, s := range secrets {
		text = strings.ReplaceAll(text, s, hidden)
	}
	if text == err.Error() {
		return err
	}
	return &scrubbed{text, err}
}
