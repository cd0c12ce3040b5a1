package geofetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// A database is fetched when there is another one than the last time, and only then.
func TestUpdate(t *testing.T) {
	testutil.CheckLeaks(t)
	first, second := database(300, 1), database(310, 2)
	var c counter
	c.set(first)
	s := server(t, c.ServeHTTP)
	path := filepath.Join(t.TempDir(), "a", "new", "qqwry.dat")
	src := Source{URL: s.URL + "/a?key=x", File: path}

	r := updated(t, src, quickly)
	if r.UpToDate || r.Ranges != 300 || r.Info.Format != geoip.QQWry || r.Old.Format != 0 || r.Received != int64(len(first)) || r.Info.Path != r.File {
		t.Errorf("%+v", r)
	}
	isWhole(t, path, first)

	same := func(why string, src Source, opt Options, upToDate bool, unchanged, requests int32) {
		t.Helper()
		c.unchanged.Store(0)
		c.requests.Store(0)
		r := updated(t, src, opt)
		if r.UpToDate != upToDate || c.unchanged.Load() != unchanged || c.requests.Load() != requests || r.Ranges != 300 || r.Info.Format != geoip.QQWry {
			t.Errorf("%s: %+v, %d of %d requests were answered with 304", why, r, c.unchanged.Load(), c.requests.Load())
		}
		isWhole(t, path, first)
	}
	force := quickly
	force.Force = true
	sum := src
	sum.SHA256 = strings.ToUpper(sumOf(first))
	same("again", src, quickly, true, 1, 1)
	same("forced", src, force, false, 0, 1)
	same("with its checksum", sum, quickly, true, 0, 0)
	other := src
	other.URL = s.URL + "/another"
	same("another address", other, quickly, false, 0, 1)
	same("again from there", other, quickly, true, 1, 1)

	// Somebody has put another file there since: that the server has none since the last update says nothing.
	if err := os.WriteFile(path, database(200, 3), 0o644); err != nil {
		t.Fatal(err)
	}
	same("after it was written to", other, quickly, false, 0, 1)

	c.set(second)
	if r := updated(t, other, quickly); r.UpToDate || r.Ranges != 310 || r.Old.Ranges != 300 {
		t.Errorf("%+v", r)
	}
	isWhole(t, path, second)
}

// Servers without entity tags are asked by date.
func TestLastModified(t *testing.T) {
	const date = "Wed, 16 Oct 2024 12:00:00 GMT"
	var asked []string
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-Modified-Since"))
		if r.Header.Get("If-Modified-Since") == date {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Last-Modified", date)
		w.Write(database(100, 1))
	})
	src := Source{URL: s.URL, File: filepath.Join(t.TempDir(), "q.dat")}
	updated(t, src, quickly)
	if r := updated(t, src, quickly); !r.UpToDate {
		t.Errorf("%+v", r)
	}
	sameLeft(t, asked, []string{"", date})
}

// The packed forms are unpacked, whatever the address and the header call them.
func TestPacked(t *testing.T) {
	testutil.CheckLeaks(t)
	b, other := database(300, 1), database(300, 2)
	text := file{"folder/README.txt", []byte("read me")}
	for name, packed := range map[string][]byte{
		"gzip":                  gzipped(b),
		"gzip in two parts":     append(gzipped(b[:1000]), gzipped(b[1000:])...),
		"tar":                   tarred(text, file{"folder/any.dat", b}),
		"tar.gz":                gzipped(tarred(text, file{"folder/ANY.DAT", b}, text)),
		"tar.gz, one is ours":   gzipped(tarred(file{"folder/a.dat", other}, file{"QQWry.dat", b}, file{"b.dat", other})),
		"tar.gz, longer before": gzipped(tarred(file{"folder/a.dat", database(900, 2)}, file{"QQWry.dat", b})),
		"zip":                   zipped(text, file{"folder/any.dat", b}),
		"zip, one is ours":      zipped(file{"a.mmdb", other}, file{"x/qqwry.dat", b}),
	} {
		path := install(t, other)
		s := server(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "x-gzip") // as some servers do for each file that ends in gz
			w.Write(packed)
		})
		r, err := update1(Source{URL: s.URL, File: path, SHA256: sumOf(packed)})
		if err != nil || r.Ranges != 300 || r.Received != int64(len(packed)) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		isWhole(t, path, b)
	}
}

// A good database that is less than the old one, or another, needs Force.
func TestDoubt(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new []byte
		says     string // empty: no doubt
	}{
		{"half", database(1000, 1), database(500, 2), ""},
		{"less than half", database(1000, 1), database(499, 2), "the old file has 1000 ranges, the new one only 499"},
		{"another format", database(1000, 1), mmdb(2000, "City"), "in the format qqwry, the new one in mmdb"},
		{"another type", mmdb(200, "City"), mmdb(2000, "ASN"), `of the type "City", the new one "ASN"`},
		{"the same type", mmdb(200, "City"), mmdb(250, "City"), ""},
		{"instead of a broken one", database(1000, 1)[:5000], database(10, 2), ""},
		{"instead of none", []byte("none"), database(10, 2), ""},
	} {
		path := install(t, c.old)
		s := server(t, sends(c.new))
		src := Source{URL: s.URL, File: path}
		_, err := update1(src)
		var doubt *DoubtError
		switch {
		case c.says == "" && err == nil:
			isWhole(t, path, c.new)
			continue
		case c.says == "" || !errors.As(err, &doubt) || !strings.Contains(err.Error(), c.says):
			t.Errorf("%s: %v", c.name, err)
		}
		isWhole(t, path, c.old)
		force := quickly
		force.Force = true
		updated(t, src, force)
		isWhole(t, path, c.new)
	}
}

// sharingViolation is what Windows answers who opens a file at the moment at which it is replaced.
const sharingViolation = syscall.Errno(32)

// Lookups never fail while the file is replaced under an open database, and Reload finds the new one.
func TestReload(t *testing.T) {
	testutil.CheckLeaks(t)
	var c counter
	c.set(database(300, 0))
	s := server(t, c.ServeHTTP)
	path := filepath.Join(t.TempDir(), "q.dat")
	src := Source{URL: s.URL, File: path}
	updated(t, src, quickly)
	db, err := geoip.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var stop atomic.Bool
	var group sync.WaitGroup
	end := func() {
		stop.Store(true)
		group.Wait()
	}
	defer end()
	group.Go(func() {
		for !stop.Load() {
			if loc, err := db.Lookup(one); err != nil || !loc.Found() {
				t.Errorf("%+v, %v", loc, err)
				return
			}
		}
	})
	group.Go(func() { // and whoever opens it finds one or the other
		for !stop.Load() {
			other, err := geoip.Open(path)
			switch {
			case err == nil:
				other.Close()
			case runtime.GOOS != "windows" || !errors.Is(err, sharingViolation):
				t.Error(err)
				return
			}
			if runtime.GOOS == "windows" {
				time.Sleep(20 * time.Millisecond) // while it is read it is not replaced; there has to be a time when it is not
			}
		}
	})
	for i := range 20 {
		c.set(database(300+i, uint64(i+1)))
		updated(t, src, quickly)
		if changed, err := db.Reload(); err != nil || !changed || db.Info().Ranges != 300+i {
			t.Error(changed, err, db.Info().Ranges)
		}
	}
	end()
	if left := leftovers(t, path); len(left) > 0 {
		t.Error(left)
	}
}

// holding is a server that sends half of a file, says so, and sends the rest when it is told to.
func holding(t testing.TB, b []byte) (url string, half, rest chan struct{}) {
	half, rest = make(chan struct{}, 9), make(chan struct{})
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		w.Write(b[:len(b)/2])
		w.(http.Flusher).Flush()
		half <- struct{}{}
		select {
		case <-rest:
			w.Write(b[len(b)/2:])
		case <-r.Context().Done():
		}
	})
	return s.URL, half, rest
}

func TestInterrupted(t *testing.T) {
	testutil.CheckLeaks(t)
	old := database(300, 1)
	path := install(t, old)
	url, half, _ := holding(t, database(3000, 2))
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-half
		cancel()
	}()
	if _, err := Update(ctx, Source{URL: url, File: path}, Options{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	isWhole(t, path, old)
}

// An interrupt while the file is checked ends it as well.
func TestInterruptedLater(t *testing.T) {
	for _, stage := range []Stage{Unpacking, Checking} {
		old := database(300, 1)
		path := install(t, old)
		s := server(t, sends(gzipped(database(20000, 2))))
		ctx, cancel := context.WithCancel(context.Background())
		seen := false
		_, err := Update(ctx, Source{URL: s.URL, File: path}, Options{Progress: func(p Progress) {
			if p.Stage == stage {
				seen = true
				cancel()
			}
		}})
		if !seen || !errors.Is(err, context.Canceled) {
			t.Error(stage, seen, err)
		}
		isWhole(t, path, old)
	}
}

// Of two updates of a file one says that there is another; both leave the file whole.
func TestBusy(t *testing.T) {
	testutil.CheckLeaks(t)
	b := database(3000, 2)
	path := install(t, database(3000, 1))
	url, half, rest := holding(t, b)
	var group sync.WaitGroup
	group.Go(func() {
		if _, err := Update(context.Background(), Source{URL: url, File: path}, Options{}); err != nil {
			t.Error(err)
		}
	})
	<-half
	if _, err := update1(Source{URL: url, File: path}); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	// Another file in the same folder is another matter.
	other := filepath.Join(filepath.Dir(path), "other.dat")
	s := server(t, sends(database(10, 1)))
	updated(t, Source{URL: s.URL, File: other}, quickly)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	close(rest)
	group.Wait()
	isWhole(t, path, b)
}

// Many at once, of different content: the file is always one of them.
func TestManyAtOnce(t *testing.T) {
	testutil.CheckLeaks(t)
	path := install(t, database(300, 0))
	var group sync.WaitGroup
	var done atomic.Int32
	for i := range 8 {
		b := database(300, uint64(i+1))
		s := server(t, sends(b))
		group.Go(func() {
			for range 5 {
				switch _, err := update1(Source{URL: s.URL, File: path}); {
				case err == nil:
					done.Add(1)
				case !errors.Is(err, ErrBusy):
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if done.Load() == 0 {
		t.Error("none of them was done")
	}
	db, err := geoip.Open(path)
	if err == nil {
		err = db.Verify()
	}
	if err != nil || db.Info().Ranges != 300 {
		t.Error(err)
	}
	if left := leftovers(t, path); len(left) > 0 {
		t.Error(left)
	}
}

func TestProgress(t *testing.T) {
	packed := gzipped(database(20000, 1))
	s := server(t, sends(packed))
	var last [Checking + 1]Progress
	updated(t, Source{URL: s.URL, File: filepath.Join(t.TempDir(), "q.dat")}, Options{Progress: func(p Progress) {
		if p.Done < last[p.Stage].Done {
			t.Errorf("%+v after %+v", p, last[p.Stage])
		}
		last[p.Stage] = p
	}})
	size := int64(len(database(20000, 1)))
	for stage, want := range []Progress{{Downloading, int64(len(packed)), int64(len(packed))}, {Unpacking, size, size}, {Checking, 16384, 20000}} {
		if last[stage] != want {
			t.Errorf("%+v, want %+v", last[stage], want)
		}
	}
}

// Environment of the child that TestKilled kills.
const killedURL, killedFile = "SOCKEYE_TEST_FETCH_URL", "SOCKEYE_TEST_FETCH_FILE"

// A process that is killed in the middle leaves the old file as it was; the next update removes what it has left.
func TestKilled(t *testing.T) {
	if url := os.Getenv(killedURL); url != "" {
		Update(context.Background(), Source{URL: url, File: os.Getenv(killedFile)}, Options{})
		return
	}
	old, b := database(3000, 1), database(3000, 2)
	path := install(t, old)
	url, half, rest := holding(t, b)
	kill(t, url, path, half)
	if !bytes.Equal(content(t, path), old) {
		t.Error("the old file was touched")
	}
	if left := leftovers(t, path); len(left) != 1 {
		t.Errorf("left: %q; it was not killed in the middle", left)
	}
	close(rest)
	testutil.Eventually(t, 5*time.Second, func() error { // Windows closes the files of the dead a little later
		_, err := Update(context.Background(), Source{URL: url, File: path}, Options{})
		return err
	})
	isWhole(t, path, b)
}

func TestFileOf(t *testing.T) {
	for address, want := range map[string]string{
		"https://h/a/qqwry.dat":                       "qqwry.dat",
		"https://h/a/qqwry.dat.gz?key=x.mmdb":         "qqwry.dat",
		"https://h/GeoLite2-City.MMDB.tar.gz":         "GeoLite2-City.MMDB",
		"https://h/ip2region_v4.xdb":                  "ip2region_v4.xdb",
		"https://h/GeoLite2-City.tar.gz":              "",
		"https://h/app/download?suffix=tar.gz&x=.dat": "",
		"https://h/a/.dat":                            "",
		"https://h/..%5cx.dat":                        "",
		"https://h/..%2fx.dat":                        "x.dat",
		"https://h/":                                  "",
		"https://h":                                   "",
		"://":                                         "",
	} {
		if got := FileOf(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}
