package geofetch

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

var sumA, sumB = strings.Repeat("a1", 32), strings.Repeat("B2", 32)

func TestFindDigest(t *testing.T) {
	for text, want := range map[string]string{
		sumA:                                  sumA,
		sumA + "\n":                           sumA,
		sumB + "  other.tar.gz\r\n":           strings.ToLower(sumB),
		sumA + "  other\n" + sumB + " *q.dat": strings.ToLower(sumB),
		sumA + "  other\n" + sumB + "  dir/q.dat\n":           strings.ToLower(sumB),
		sumA + "  other\n" + sumB + "  third":                 "",
		"SHA256 (q.dat) = " + sumA:                            sumA,
		"SHA256 (a) = " + sumB + "\nSHA256 (q.dat) = " + sumA: sumA,
		"SHA256 (q.dat) " + sumA:                              "",
		"# a comment\n" + sumA + "\n":                         sumA,
		sumA[1:]:                                              "",
		sumA + "0":                                            "",
		"<html>" + sumA:                                       "",
		"":                                                    "",
	} {
		got, ok := findDigest(text, "q.dat")
		if ok != (want != "") || ok && string(got) != want {
			t.Errorf("%q: %q, %v; want %q", text, got, ok, want)
		}
	}
}

func FuzzFindDigest(f *testing.F) {
	f.Add(sumA+"  q.dat\n", "q.dat")
	f.Add("SHA256 (q.dat) = "+sumB, "q.dat")
	f.Add("SHA256 () = ", "")
	f.Fuzz(func(t *testing.T, text, name string) {
		d, ok := findDigest(text, name)
		if !ok {
			return
		}
		if _, valid := hexDigest(string(d)); !valid || !strings.Contains(strings.ToLower(text), string(d)) {
			t.Errorf("%q in %q", d, text)
		}
	})
}

// A checksum decides before anything is unpacked or replaced, and what it says to be there is not fetched again.
func TestChecksum(t *testing.T) {
	testutil.CheckLeaks(t)
	old, b := database(300, 1), database(310, 2)
	sums, files := "", 0
	s := server(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".sha256") {
			w.Write([]byte(sums))
			return
		}
		files++
		w.Write(b)
	})
	path := install(t, old)
	src := Source{URL: s.URL + "/q.dat", File: path, SHA256: sumA}
	fails := func(says string) {
		t.Helper()
		if _, err := Update(context.Background(), src, quickly); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
		isWhole(t, path, old)
	}
	fails("the checksum is wrong: what the server sent has the SHA-256 " + sumOf(b) + ", not " + sumA)
	src.SHA256 = "abc"
	fails(`"abc" is not a SHA-256`)
	src.SHA256, src.SHA256URL = "", s.URL+"/q.dat.sha256"
	fails("answers with no SHA-256")
	sums = sumA + "  q.dat"
	fails("the checksum is wrong")
	sums = strings.Repeat("#", maxSumFile) + "\n" + sumOf(b)
	fails("answers with no SHA-256")

	sums, files = sumOf(b)+"  other", 0
	updated(t, src, quickly)
	isWhole(t, path, b)
	if r := updated(t, src, quickly); !r.UpToDate || r.Ranges != 310 || files != 1 {
		t.Errorf("%+v, fetched %d times", r, files)
	}
	b = database(320, 3)
	sums = sumOf(b)
	if r := updated(t, src, quickly); r.UpToDate || r.Ranges != 320 {
		t.Errorf("%+v", r)
	}
}
