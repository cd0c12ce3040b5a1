package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

func TestSecondInstance(t *testing.T) {
	testutil.CheckLeaks(t)
	path, c := newFile(t), &clock{noon}
	s := open(t, path, c)
	_, err := Open(Config{Path: path, Now: c.now})
	if !errors.Is(err, ErrLocked) {
		t.Errorf("a second recorder: %v", err)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	r := reader(t, path) // which is no recorder
	if all := lives(t, r, Query{}, ""); len(all) != 0 {
		t.Error(all)
	}
	shut(t, s)
	shut(t, open(t, path, c))
}

func TestRefused(t *testing.T) {
	dir, c := t.TempDir(), &clock{noon}
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("text", strings.Repeat("this is no database. ", 500))
	write("empty", "")
	execute(t, at("other"), "CREATE TABLE x(y); PRAGMA user_version = 1")
	shut(t, open(t, at("later"), c))
	execute(t, at("later"), "PRAGMA user_version = 99")
	for _, k := range []struct {
		name        string
		write, read error
	}{
		{"none", nil, ErrNone}, {"empty", nil, ErrNone}, {"text", ErrDamaged, ErrDamaged}, {"other", ErrForeign, ErrForeign}, {"later", ErrNewer, ErrNewer},
	} {
		before, _ := os.ReadFile(at(k.name))
		if r, err := OpenReader(at(k.name)); !errors.Is(err, k.read) || r != nil {
			t.Errorf("reading %s: %v, want %v", k.name, err, k.read)
		}
		s, err := Open(Config{Path: at(k.name), Now: c.now})
		if !errors.Is(err, k.write) || (err == nil) != (k.write == nil) {
			t.Errorf("writing %s: %v, want %v", k.name, err, k.write)
		}
		if err == nil {
			shut(t, s)
			continue
		}
		if after, _ := os.ReadFile(at(k.name)); string(after) != string(before) {
			t.Errorf("%s is not as it was", k.name)
		}
	}
	if info, err := os.Stat(at("none")); err != nil || info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("others may read it: %v %v", info.Mode(), err)
	}
	if _, err := Open(Config{Path: at("no/such/folder")}); err == nil {
		t.Error("a folder was made")
	}
}

func execute(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", source(path, "rwc", nil))
	if err == nil {
		_, err = db.Exec(text)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestGoesOn: the next recorder goes on with what is still there, and ends the rest when it was last known to be there.
func TestGoesOn(t *testing.T) {
	path := sample(t)
	c := &clock{noon.Add(time.Hour)}
	web, in2 := listener(1, "0.0.0.0:443", nginx, worker), socket(3, netstat.Established, "10.0.0.1:443", "198.51.100.8:5001", worker)
	record(t, path, c, &script{flows: []watch.Flow{flow(web, 0, 0), before(flow(in2, 107, 8), 107, 8)}, steps: []func(*script) watch.Report{
		events(time.Minute, closed(in2, noon.Add(61*time.Minute), 110, 10)),
	}})
	r := reader(t, path)
	last := noon.Add(5 * time.Minute)
	for _, l := range lives(t, r, Query{}, "") {
		switch l.Socket.Local.Port() {
		case 40001:
			if l.Open || l.Flags != OpenedBefore|EndUnknown || !l.Closed.Equal(last) || l.Bytes.Sent != 1200 {
				t.Errorf("what ended meanwhile: %+v", l)
			}
		case 443:
			if l.Socket.Remote.Port() == 5001 && (l.Open || l.Flags != Incoming || !l.Opened.Equal(noon.Add(220*time.Second)) || l.Bytes.Sent != 110) {
				t.Errorf("what went on: %+v", l)
			}
		}
	}
	if all := lives(t, r, Query{Listeners: true}, "sport = 443"); len(all) != 1 || !all[0].Open || all[0].Flags != OpenedBefore || !all[0].Opened.Equal(noon) {
		t.Errorf("the listener: %+v", all)
	}
	groups, totals, err := r.Groups(context.Background(), Query{From: midnight(noon, 0)}, ByHost)
	if err != nil || !totals {
		t.Fatal(totals, err)
	}
	for _, g := range groups { // what it moved while nobody recorded is counted once, by the kernel
		if g.Key == "198.51.100.8" && (g.Bytes.Sent != 110 || g.Lives != 1) {
			t.Errorf("%+v", g)
		}
	}
}

// TestOtherBoot: cookies mean nothing after the machine was started again.
func TestOtherBoot(t *testing.T) {
	path, c := sample(t), &clock{noon.Add(time.Hour)}
	s, err := Open(Config{Path: path, Now: c.now, Boot: "another"})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	in2 := socket(3, netstat.Established, "10.0.0.1:443", "198.51.100.8:5001", worker)
	if err := Record(context.Background(), s, Recording{Sockets: &script{clock: c, flows: []watch.Flow{flow(in2, 0, 0)}}, Details: details}); !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
	r := reader(t, path)
	if all := lives(t, r, Query{}, "dport = 5001"); len(all) != 2 || all[0].Open || all[0].Flags&EndUnknown == 0 || !all[1].Open {
		t.Errorf("%+v", all)
	}
}

// TestWriteInterval: what happened is in the file after Every and a second, at the latest.
func TestWriteInterval(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	s := open(t, path, c)
	defer shut(t, s)
	r := reader(t, path)
	var at []int
	var steps []func(*script) watch.Report
	for n := range 60 {
		steps = append(steps, func(sc *script) watch.Report {
			at = append(at, len(lives(t, r, Query{}, "")))
			c.forward(100 * time.Millisecond)
			e := opened(socket(uint64(n+1), netstat.Established, "10.0.0.1:1000", "192.0.2.1:80", curl), c.Time)
			return watch.Report{Events: []watch.Event{e}} // no reading comes, as on a machine that is very busy
		})
	}
	if err := Record(context.Background(), s, Recording{Sockets: &script{clock: c, steps: steps}, Details: details}); !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
	for n, stored := range at {
		if n-stored > 31 {
			t.Fatalf("after %d events, 10 a second, %d are stored", n, stored)
		}
	}
}

// damages are ways to harm a file.
func damage(b []byte, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b = append([]byte(nil), b...)
	switch r.IntN(4) {
	case 0:
		return b[:r.IntN(len(b))]
	case 1:
		at := r.IntN(len(b))
		for i := at; i < min(at+1+r.IntN(8192), len(b)); i++ {
			b[i] = byte(r.Uint32())
		}
	default:
		for range 1 + r.IntN(64) {
			b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		}
	}
	return b
}

// TestDamage: whatever is done to the file, nothing panics, every error says which file, and recording goes on, with the
// damaged file kept.
func TestDamage(t *testing.T) {
	testutil.NotRaced(t)
	testutil.CheckLeaks(t)
	whole, err := os.ReadFile(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	seeds := uint64(30)
	if testutil.Thorough() {
		seeds = 150
	}
	for seed := range seeds {
		harm(t, damage(whole, seed), fmt.Sprint("seed ", seed))
	}
}

// TestCut: of a file that was cut at any page, or in the middle of one, or that has a page of zeros or of another file, nothing is
// changed unless that is asked for, and then every byte is kept.
func TestCut(t *testing.T) {
	testutil.NotRaced(t)
	whole, err := os.ReadFile(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	if len(whole)%page != 0 {
		t.Fatal(len(whole))
	}
	damaged := 0
	for at := 0; at < len(whole); at += page {
		zeros, noise := append([]byte(nil), whole...), append([]byte(nil), whole...)
		clear(zeros[at : at+page])
		for i := range noise[at : at+page] {
			noise[at+i] = byte(i*7 + at)
		}
		for _, b := range [][]byte{whole[:at], whole[:at+100], zeros, noise} {
			if refuses(t, b) {
				damaged++
			}
		}
	}
	if damaged < len(whole)/page { // free pages, and those of empty tables, may be missed
		t.Errorf("%d damages were seen of %d", damaged, len(whole)/page*4)
	}
	t.Logf("%d of %d damages were seen when opened", damaged, len(whole)/page*4)
}

// refuses reports whether opening a damaged file was refused. Then it is as it was, and so is what is set aside.
func refuses(t *testing.T, b []byte) bool {
	t.Helper()
	path, c := newFile(t), &clock{noon}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	same := func(path string) {
		t.Helper()
		if after, err := os.ReadFile(path); err != nil || string(after) != string(b) {
			t.Errorf("%d bytes: the file is not as it was: %d bytes, %v", len(b), len(after), err)
		}
	}
	s, err := Open(Config{Path: path, Now: c.now})
	if err == nil {
		shut(t, s)
		return false
	}
	if same(path); errors.Is(err, ErrForeign) { // there is another page in front
		return true
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	if s, err = Open(Config{Path: path, Now: c.now, SetAside: true}); err != nil || s.Aside() == "" {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
	same(s.Aside())
	shut(t, s)
	return true
}

func FuzzDamaged(f *testing.F) {
	whole, err := os.ReadFile(sample(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(100), []byte("abc"))
	f.Add(uint32(4096), []byte{13, 0, 0, 0, 255})
	f.Fuzz(func(t *testing.T, at uint32, bytes []byte) {
		b := append([]byte(nil), whole...)
		copy(b[int(at)%len(b):], bytes)
		path := newFile(t)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		readAll(t, path, "fuzzed")
		s, err := Open(Config{Path: path, Now: (&clock{noon}).now})
		var op *OpError
		switch {
		case err == nil:
			shut(t, s)
		case !errors.As(err, &op):
			t.Error(err)
		}
	})
}

func harm(t *testing.T, b []byte, what string) {
	t.Helper()
	path, c := newFile(t), &clock{noon.Add(time.Hour)}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	readAll(t, path, what)
	s, err := Open(Config{Path: path, Now: c.now, Boot: "boot", SetAside: true})
	if errors.Is(err, ErrForeign) || errors.Is(err, ErrNewer) { // not damaged, as far as one can see
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer shut(t, s)
	old := socket(5, netstat.Established, "10.0.0.1:40001", "192.0.2.6:22", curl)
	in := socket(77, netstat.Established, "10.0.0.1:443", "198.51.100.7:5000", nginx, worker)
	err = Record(context.Background(), s, Recording{Details: details, Places: places, Sockets: &script{clock: c, flows: []watch.Flow{flow(old, 1, 2)}, steps: []func(*script) watch.Report{
		events(time.Minute, opened(in, c.Time)), events(time.Minute, closed(in, c.Add(time.Second), 1, 2), closed(old, c.Add(time.Second), 1, 2)), events(time.Hour),
	}}})
	if !errors.Is(err, watch.ErrClosed) {
		t.Fatalf("%s: recording ends with %v", what, err)
	}
	if s.Aside() != "" {
		if kept, err := os.ReadFile(s.Aside()); err != nil || len(kept) == 0 && len(b) > 0 {
			t.Errorf("%s: the damaged file is not there: %v", what, err)
		}
	}
	readAll(t, path, what)
}

// readAll asks everything; errors must be of this package.
func readAll(t *testing.T, path, what string) {
	t.Helper()
	check := func(err error) {
		var op *OpError
		if err != nil && !errors.As(err, &op) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r, err := OpenReader(path)
	if check(err); err != nil {
		return
	}
	defer shut(t, r)
	ctx := context.Background()
	for _, q := range []Query{{}, {Listeners: true}, {Listeners: true, Gone: true}, {From: midnight(noon, 0)}} {
		check(r.Lives(ctx, q, func(*Life) error { return nil }))
		for by := ByProcess; by <= ByMonth; by++ {
			_, _, err := r.Groups(ctx, q, by)
			check(err)
		}
	}
	check(r.News(ctx, Query{}, nil, func(*News) error { return nil }))
	_, err = r.Sessions(ctx, time.Time{}, time.Time{})
	check(err)
}
