package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// logFile is a text that is annotated.
type logFile struct {
	name, path string
	size       int64
}

// filter is a program that reads a text on its standard input. What it writes is thrown away.
type filter struct {
	name string
	args []string
	env  []string
}

const (
	perlSubstitute   = `s/(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])/$& [$&]/ga`
	pythonSubstitute = `import re,sys
sub=re.compile(rb"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])").sub
out=sys.stdout.buffer
for line in sys.stdin.buffer: out.write(sub(lambda m: m[0]+b" ["+m[0]+b"]", line))`
)

// filters are sockeye, built for the run, and what there is beside it. They find addresses of IPv4 only, and look nothing
// up.
func filters(dir, database string) ([]filter, error) {
	sockeye := filepath.Join(dir, "sockeye")
	if out, err := exec.Command("go", "build", "-o", sockeye, "./cmd/sockeye").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w: %s", err, out)
	}
	all := []filter{{"sockeye geo --annotate", []string{sockeye, "geo", "--annotate", "--db", database}, []string{"HOME=" + dir, "GOMAXPROCS=1"}}}
	for _, f := range []filter{
		{"grepcidr 0.0.0.0/0, which writes the lines with an address", []string{"grepcidr", "0.0.0.0/0"}, nil},
		{"perl -pe, a substitution that writes the address again", []string{"perl", "-pe", perlSubstitute}, []string{"LC_ALL=C"}},
		{"python3, the same", []string{"python3", "-c", pythonSubstitute}, nil},
	} {
		if path, err := exec.LookPath(f.args[0]); err == nil {
			f.args[0] = path
			all = append(all, f)
		} else {
			fmt.Fprintln(os.Stderr, "geo: left out:", err)
		}
	}
	return all, nil
}

// spent is the time of one run: from start to exit, and of the processor.
type spent struct{ wall, cpu time.Duration }

func (f filter) run(path string) (s spent, err error) {
	in, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer in.Close()
	cmd := exec.Command(f.args[0], f.args[1:]...)
	cmd.Stdin, cmd.Stderr, cmd.Env = in, os.Stderr, append(os.Environ(), f.env...)
	begin := time.Now()
	err = cmd.Run()
	s.wall = time.Since(begin)
	if e, ok := err.(*exec.ExitError); ok && e.ExitCode() == 1 && strings.HasPrefix(f.name, "grepcidr") {
		err = nil // no line had an address
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", f.name, err)
	}
	s.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return s, nil
}

// annotate has all filters take turns on each text.
func (r *report) annotate(dir, database string, c config) error {
	all, err := filters(dir, database)
	if err != nil {
		return err
	}
	fmt.Fprintf(r, "\n## annotate: texts of %d MB, %d runs\n\nMB of text in a second of processor time (user and system).\n", c.logSize>>20, c.logRounds)
	fmt.Fprintf(r, "\n| |%s\n|---|%s\n", columns(all), strings.Repeat("--:|", len(all)))
	for _, makeText := range logTexts(c.logSize) {
		log, err := makeText(dir)
		if err != nil {
			return err
		}
		fmt.Fprintf(r, "| %s |", log.name)
		rates, err := ratesOf(all, log, c.logRounds)
		if err != nil {
			return err
		}
		for _, v := range rates {
			fmt.Fprintf(r, " %.0f |", v)
		}
		fmt.Fprintln(r)
		if err := os.Remove(log.path); err != nil {
			return err
		}
	}
	return nil
}

func columns(all []filter) string {
	var s strings.Builder
	for _, f := range all {
		fmt.Fprintf(&s, " %s |", f.name)
	}
	return s.String()
}

// ratesOf are medians, of as many runs after one that is not counted.
func ratesOf(all []filter, log logFile, rounds int) ([]float64, error) {
	times := make([][]time.Duration, len(all))
	for round := range rounds + 1 {
		for i, f := range all {
			s, err := f.run(log.path)
			if err != nil {
				return nil, err
			}
			if round > 0 {
				times[i] = append(times[i], s.cpu)
			}
		}
	}
	rates := make([]float64, len(all))
	for i, t := range times {
		slices.Sort(t)
		rates[i] = float64(log.size) / 1e6 / t[len(t)/2].Seconds()
	}
	return rates, nil
}

// logTexts are lines of an access log with the address at their beginning, and texts that have none, or that look as if
// they had one everywhere.
func logTexts(size int64) (all []func(dir string) (logFile, error)) {
	add := func(name string, chunk func(r *rand.Rand) []byte) {
		all = append(all, func(dir string) (logFile, error) { return writeLog(dir, name, size, chunk) })
	}
	for _, n := range []int{1, 1000, 100_000} {
		addrs := pick(n)
		add(fmt.Sprintf("access log, %d different addresses", n), func(r *rand.Rand) []byte { return accessLine(r, addrs[r.IntN(n)].String()) })
	}
	addrs := pick(100_000)
	var zipf *rand.Zipf
	add("access log, 100000 addresses by Zipf's law", func(r *rand.Rand) []byte {
		if zipf == nil {
			zipf = rand.NewZipf(r, 1.1, 1, uint64(len(addrs)-1))
		}
		return accessLine(r, addrs[zipf.Uint64()].String())
	})
	add("access log, 1000 addresses of IPv6", func(r *rand.Rand) []byte {
		b := [16]byte{0x24, 0x08, 0x84, 15: byte(r.IntN(250)), 6: byte(r.IntN(4))}
		return accessLine(r, netip.AddrFrom16(b).String())
	})
	add("the same lines without an address", func(r *rand.Rand) []byte { return accessLine(r, "-") })
	add("one address after another", func(r *rand.Rand) []byte { return []byte(addrs[r.IntN(1000)].String() + " ") })
	add("digits and periods", repeated("1."))
	add("hexadecimal digits and colons", repeated("ab:1:"))
	return all
}

func repeated(s string) func(*rand.Rand) []byte {
	return func(*rand.Rand) []byte { return append(bytes.Repeat([]byte(s), 1000), '\n') }
}

// accessLine is a line in the combined format of nginx and Apache, of some 190 bytes.
func accessLine(r *rand.Rand, addr string) []byte {
	return fmt.Appendf(nil, "%s - - [21/Nov/2026:%02d:%02d:%02d +0000] \"GET /articles/%d/index.html HTTP/1.1\" 200 %d \"-\" "+
		"\"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\"\n",
		addr, r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(100_000), r.IntN(100_000))
}

func writeLog(dir, name string, size int64, chunk func(*rand.Rand) []byte) (l logFile, err error) {
	l = logFile{name: name, path: filepath.Join(dir, "log")}
	var b bytes.Buffer
	for r := rand.New(rand.NewPCG(11, 11)); int64(b.Len()) < size; {
		b.Write(chunk(r))
	}
	l.size = int64(b.Len())
	f, err := os.Create(l.path)
	if err != nil {
		return l, err
	}
	if _, err := io.Copy(f, &b); err != nil {
		f.Close()
		return l, err
	}
	return l, f.Close()
}
