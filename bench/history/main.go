// Command history measures what recording costs, and how long three questions take over a month's table.
//
//	go run ./bench/history                 # a million connections; 10 million is the figure of record
//	go run ./bench/history -n 10000000 -dir /var/tmp
//	go run ./bench/history -hours 24 -dir /var/tmp   # a day of a busy server: memory, disk and processor
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
)

// The targets.
const (
	askTarget    = 300 * time.Millisecond
	recordTarget = 10.0 // percent of a core
)

func main() {
	n := flag.Int("n", 1_000_000, "connections in the table")
	seed := flag.Uint64("seed", 1, "of the maker")
	rounds := flag.Int("rounds", 5, "times that each question is asked, each by a new reader")
	seconds := flag.Int("seconds", 60, "of recording, at the pace of a clock that is not waited for")
	rate := flag.Int("rate", 500, "connections a second")
	dir := flag.String("dir", "", "where the files are made; default: a temporary folder")
	table := flag.String("table", "", "a month's table to ask: it is kept, and made with -n where it is not there; default: one that is deleted")
	live := flag.Int("real", 0, "record the connections of a process that makes them for so many seconds, and nothing else; best in a network namespace")
	hours := flag.Float64("hours", 0, "simulate so many hours of a busy server, and nothing else")
	open := flag.Int("open", 10_000, "connections that such a server has open")
	size := flag.Int64("size", 1<<30, "bytes that its history may take")
	flag.Parse()
	var err error
	switch text := os.Getenv(loadEnv); {
	case text != "":
		err = makeLoad(text)
	case *live > 0:
		err = recordReal(*dir, *live, *open, *rate)
	case *hours > 0:
		err = runDay(*dir, *seed, *hours, *open, *rate, *size)
	default:
		err = measure(*n, *seed, *rounds, *seconds, *rate, *dir, *table)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "history:", err)
		os.Exit(1)
	}
}

func measure(n int, seed uint64, rounds, seconds, rate int, dir, table string) error {
	dir, err := os.MkdirTemp(dir, "sockeye-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, fresh := range []bool{false, true} {
		if seconds == 0 {
			break
		}
		if err := recording(filepath.Join(dir, fmt.Sprintf("record-%v.db", fresh)), seed, seconds, rate, fresh); err != nil {
			return err
		}
	}
	path := table
	if path == "" {
		path = filepath.Join(dir, "month.db")
	}
	_, end := monthOf(2026, 10)
	if _, err := os.Stat(path); err != nil {
		began := time.Now()
		if _, err := fill(path, seed, n); err != nil {
			return err
		}
		fmt.Printf("\nMade in %v.\n", time.Since(began).Round(time.Second))
	}
	fmt.Printf("\nA month of %d connections, and 10,000 that are open: %d MB, %d bytes a connection.\n\n", n, sizeOf(path)>>20, sizeOf(path)/int64(n))
	fmt.Println("| question | answers | median | slowest | processor | target |\n|---|---|---|---|---|---|")
	for _, q := range questions(end) {
		if err := ask(path, q, rounds); err != nil {
			return err
		}
	}
	return nil
}

// question is one of the three, and what is near to it.
type question struct {
	text   string
	filter string
	query  history.Query
	by     history.By // 0: lives
}

func questions(end time.Time) []question {
	day := time.Date(end.Year(), end.Month(), end.Day(), 0, 0, 0, 0, end.Location())
	month := time.Date(end.Year(), end.Month(), 1, 0, 0, 0, 0, end.Location())
	three := day.Add(-9 * time.Hour)
	return []question{
		{"who was on port 443 yesterday at three", "port = 443", history.Query{From: three, To: three.Add(time.Minute)}, 0},
		{"which hosts did p3 talk to this month", "process = p3", history.Query{From: month}, history.ByHost},
		{"which hundred hosts, of the most bytes", "process = p3", history.Query{From: month, Newest: 100}, history.ByHost},
		{"what listened here that does not now", "", history.Query{Listeners: true, Gone: true}, 0},
		{"who talked to one host, ever", "dst 100.64.0.9", history.Query{}, 0},
		{"everything yesterday from three to four", "", history.Query{From: three, To: three.Add(time.Hour)}, 0},
		{"yesterday by country", "", history.Query{From: day.AddDate(0, 0, -1), To: day}, history.ByCountry},
		{"the last week by port", "", history.Query{From: end.AddDate(0, 0, -7)}, history.ByPort},
	}
}

func ask(path string, q question, rounds int) error {
	var times, used []time.Duration
	answers := 0
	for range rounds {
		before, began := cpu(), time.Now()
		n, err := answer(path, q)
		if err != nil {
			return err
		}
		times, used, answers = append(times, time.Since(began)), append(used, cpu()-before), n
	}
	slices.Sort(times)
	slices.Sort(used)
	const exactly = 100 * time.Microsecond
	fmt.Printf("| %s | %d | %v | %v | %v | %v |\n", q.text, answers, times[len(times)/2].Round(exactly), times[len(times)-1].Round(exactly), used[len(used)/2].Round(exactly), askTarget)
	return nil
}

func answer(path string, q question) (n int, err error) {
	r, err := history.OpenReader(path)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	q.query.Names = new(view.Names)
	if q.query.Filter, err = view.ParseFilter(q.filter, q.query.Names); err != nil {
		return 0, err
	}
	if q.by != 0 {
		groups, _, err := r.Groups(context.Background(), q.query, q.by)
		return len(groups), err
	}
	err = r.Lives(context.Background(), q.query, func(*history.Life) error { n++; return nil })
	return n, err
}
