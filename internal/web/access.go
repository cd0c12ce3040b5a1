package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Access is what somebody may see.
type Access uint8

// The accesses. Public is what every user of the machine can find out about it: sockets and interfaces, but not whose process
// a socket is. Full is all that the server's own user sees.
const (
	Public Access = iota
	Full
	accesses = iota
)

// String is the word of the API.
func (a Access) String() string { return [...]string{"public", "full"}[a] }

// grant is what a request may do.
type grant struct {
	access Access
	change bool // what changes something: only with a session
}

// Keys are the token and the sessions that were opened with it. Its methods may be called from several goroutines.
type Keys struct {
	now func() time.Time

	mu       sync.Mutex
	token    [sha256.Size]byte
	sessions map[[sha256.Size]byte]time.Time // until when
}

// NewKeys makes keys with a token.
func NewKeys(token string, now func() time.Time) *Keys {
	return &Keys{now: now, token: sha256.Sum256([]byte(token)), sessions: make(map[[sha256.Size]byte]time.Time)}
}

// NewToken is 256 random bits as text.
func NewToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it does not fail: crypto/rand ends the program where there is no randomness
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Replace takes another token. Where it is another, all sessions end.
func (k *Keys) Replace(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if sum := sha256.Sum256([]byte(token)); sum != k.token {
		k.token = sum
		clear(k.sessions)
	}
}

// A session ends when it was not used for so long; there are at most so many, of which the oldest goes first.
const (
	sessionLife = 12 * time.Hour
	maxSessions = 256
)

// open makes a session.
func (k *Keys) open() (session string, until time.Time) {
	session, until = NewToken(), k.now().Add(sessionLife)
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.sessions) >= maxSessions {
		k.dropOldest()
	}
	k.sessions[sha256.Sum256([]byte(session))] = until
	return session, until
}

func (k *Keys) dropOldest() {
	var oldest [sha256.Size]byte
	var end time.Time
	for s, until := range k.sessions {
		if end.IsZero() || until.Before(end) {
			oldest, end = s, until
		}
	}
	delete(k.sessions, oldest)
}

func (k *Keys) end(session string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.sessions, sha256.Sum256([]byte(session)))
}

// check says what a token or session opens. Hashes are compared, so that the time it takes tells nothing.
func (k *Keys) check(secret string) (g grant, ok bool) {
	sum := sha256.Sum256([]byte(secret))
	k.mu.Lock()
	defer k.mu.Unlock()
	if subtle.ConstantTimeCompare(sum[:], k.token[:]) == 1 {
		return grant{access: Full}, true
	}
	now := k.now()
	if until, is := k.sessions[sum]; is && now.Before(until) {
		k.sessions[sum] = now.Add(sessionLife)
		return grant{access: Full, change: true}, true
	}
	delete(k.sessions, sum)
	return grant{}, false
}

var (
	errNoToken  = errors.New("this needs the token: send it as Authorization: Bearer TOKEN")
	errBadToken = errors.New("the token is wrong, or the session has ended")
)

// grantOf says what a request may do. A wrong token is refused, also where none would do: whoever sends one means to be known.
func (s *Server) grantOf(r *http.Request) (grant, error) {
	if g, ok := r.Context().Value(grantKey{}).(grant); ok {
		return g, nil
	}
	secret, sent := bearer(r)
	if !sent {
		if s.cfg.Open {
			return grant{access: Public}, nil
		}
		return grant{}, errNoToken
	}
	g, ok := s.cfg.Keys.check(secret)
	if !ok {
		return grant{}, errBadToken
	}
	return g, nil
}

func bearer(r *http.Request) (string, bool) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(secret), strings.EqualFold(scheme, "Bearer")
}

// grantKey is for requests whose sender was checked otherwise: those that come over a pipe.
type grantKey struct{}

// WithFullAccess is the context of a request whose sender is known to be the server's own user.
func WithFullAccess(ctx context.Context) context.Context {
	return context.WithValue(ctx, grantKey{}, grant{Full, true})
}
