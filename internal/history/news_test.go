package history

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// ear is a Sink that remembers.
type ear struct {
	mu   sync.Mutex
	news []News
	err  error
}

func (e *ear) Tell(_ context.Context, news []News) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.news = append(e.news, news...)
	return e.err
}

func newsText(n *News) string {
	return fmt.Sprintf("%v %s %v>%v", n.Kind, n.Socket.Owners[0].Process.Name, n.Socket.Local, n.Socket.Remote)
}

// hear records a script, and says what was told as news.
func hear(t *testing.T, path string, c *clock, learn time.Duration, s *script) string {
	t.Helper()
	store := open(t, path, c)
	defer shut(t, store)
	s.clock = c
	e := new(ear)
	err := Record(context.Background(), store, Recording{Sockets: s, Places: places, Details: details, Learn: learn, Sinks: []Sink{e}})
	if !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
	var all []string
	for i := range e.news {
		all = append(all, newsText(&e.news[i]))
	}
	return strings.Join(all, "\n")
}

func TestNews(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	steps := func() *script {
		out := func(cookie uint64, to string, p *netstat.Process) watch.Event {
			return opened(socket(cookie, netstat.Established, "10.0.0.1:40000", to, p), c.Time)
		}
		return &script{steps: []func(*script) watch.Report{
			events(time.Minute, opened(listener(1, "0.0.0.0:443", nginx), c.Time), out(2, "192.0.2.1:443", curl)),
			events(time.Minute, out(3, "192.0.2.1:443", curl), out(4, "192.0.2.2:443", curl), out(5, "198.51.100.1:443", curl)),
			events(time.Minute, opened(socket(6, netstat.Established, "10.0.0.1:443", "192.0.2.77:1024", nginx), c.Time)),
		}}
	}
	want := strings.Join([]string{
		"program nginx 0.0.0.0:443>0.0.0.0:0", "listener nginx 0.0.0.0:443>0.0.0.0:0",
		"program curl 10.0.0.1:40000>192.0.2.1:443", "country curl 10.0.0.1:40000>192.0.2.1:443",
		"asn curl 10.0.0.1:40000>192.0.2.1:443", "host curl 10.0.0.1:40000>192.0.2.1:443",
		"host curl 10.0.0.1:40000>192.0.2.2:443",
		"country curl 10.0.0.1:40000>198.51.100.1:443", "asn curl 10.0.0.1:40000>198.51.100.1:443", "host curl 10.0.0.1:40000>198.51.100.1:443",
	}, "\n")
	if got := hear(t, path, c, -1, steps()); got != want {
		t.Errorf("news:\n%s\nwant:\n%s", got, want)
	}
	if got := hear(t, path, c, -1, steps()); got != "" {
		t.Errorf("the second time it is no news:\n%s", got)
	}
	r := reader(t, path)
	var stored []string
	if err := r.News(context.Background(), Query{}, []NewsKind{NewCountry, NewListener}, func(n *News) error {
		stored = append(stored, newsText(n))
		return nil
	}); err != nil || strings.Join(stored, "\n") != "listener nginx 0.0.0.0:443>0.0.0.0:0\ncountry curl 10.0.0.1:40000>192.0.2.1:443\ncountry curl 10.0.0.1:40000>198.51.100.1:443" {
		t.Errorf("%v %q", err, stored)
	}
}

// TestLearning: what a new history sees in its first day is what is usual.
func TestLearning(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	begin := func(cookie uint64, to string, at time.Time) watch.Event {
		return opened(socket(cookie, netstat.Established, "10.0.0.1:40000", to, curl), at)
	}
	got := hear(t, path, c, 0, &script{steps: []func(*script) watch.Report{
		events(23*time.Hour, begin(1, "192.0.2.1:443", noon.Add(22*time.Hour))),
		events(2*time.Hour, begin(2, "192.0.2.1:443", noon.Add(25*time.Hour)), begin(3, "192.0.2.9:443", noon.Add(25*time.Hour))),
	}})
	if want := "host curl 10.0.0.1:40000>192.0.2.9:443"; got != want {
		t.Errorf("news %q, want %q", got, want)
	}
}

// TestMigration: a file of schema 1 keeps everything, and what it has seen is no news.
func TestMigration(t *testing.T) {
	path, c := newFile(t), &clock{noon.Add(48 * time.Hour)}
	unpack(t, "testdata/schema1.db.gz", path)
	if _, err := OpenReader(path); !errors.Is(err, ErrOlder) {
		t.Errorf("reading schema 1: %v", err)
	}
	got := hear(t, path, c, -1, &script{steps: []func(*script) watch.Report{
		events(time.Second, opened(listener(1, "0.0.0.0:443", nginx), c.Time), opened(socket(9, netstat.Established, "10.0.0.1:40009", "192.0.2.5:443", curl), c.Time)),
		events(time.Second, opened(socket(10, netstat.Established, "10.0.0.1:40010", "192.0.2.99:443", curl), c.Time)),
	}})
	if want := "host curl 10.0.0.1:40010>192.0.2.99:443"; got != want {
		t.Errorf("news %q, want %q", got, want)
	}
	r := reader(t, path)
	if n := len(lives(t, r, Query{To: noon.Add(time.Hour)}, "")); n != 4 {
		t.Errorf("%d lives of before", n)
	}
}

func unpack(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
