package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/watch"
)

// day is what recording takes of a busy server, hour by hour.
type day struct {
	path   string
	size   int64
	began  time.Time
	used   time.Duration
	next   time.Time
	wal    int64
	memory uint64
	failed error
}

// The bounds of a day: memory in bytes, and the log of writes beside the file.
const (
	memoryTarget = 512 << 20
	logTarget    = 256 << 20
)

// runDay records so many hours of a server with 10,000 connections open.
func runDay(dir string, seed uint64, hours float64, open, rate int, size int64) error {
	dir, err := os.MkdirTemp(dir, "sockeye-day-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	begin := time.Date(2026, 10, 1, 0, 0, 0, 0, time.Local)
	d := &day{path: filepath.Join(dir, "day.db"), size: size, began: time.Now(), next: begin.Add(time.Hour)}
	src := newServer(seed, begin, time.Duration(hours*float64(time.Hour)), open, rate)
	src.seconds = d.look
	fmt.Printf("A server with %d connections open and %d a second; the history may take %d MB.\n\n", open, rate, size>>20)
	fmt.Println("| hour | connections | file | log, at most | memory, at most | of a core | real time |\n|---|---|---|---|---|---|---|")
	s, err := history.Open(history.Config{Path: d.path, Now: func() time.Time { return src.now }, Limits: history.Limits{Size: size}})
	if err != nil {
		return err
	}
	d.used = cpu()
	err = history.Record(context.Background(), s, history.Recording{Sockets: src, Places: places, Details: details, Trouble: func(err error) {
		d.failed = errors.Join(d.failed, err)
	}})
	if errors.Is(err, watch.ErrClosed) {
		err = nil
	}
	return errors.Join(err, d.failed, s.Close())
}

// look notes what is taken, and says it once an hour.
func (d *day) look(s *server) error {
	d.wal = max(d.wal, sizeOf(d.path+"-wal"))
	if s.now.Unix()%60 == 0 {
		d.memory = max(d.memory, memory())
	}
	file := sizeOf(d.path)
	if s.now.Before(d.next) {
		return nil
	}
	used := cpu() - d.used
	fmt.Printf("| %s | %d million | %d MB | %d MB | %d MB | %.1f %% | %v |\n", s.now.Add(-time.Second).Format("15:04"), s.number/1e6, file>>20, d.wal>>20, d.memory>>20,
		100*used.Seconds()/time.Hour.Seconds(), time.Since(d.began).Round(time.Second))
	var errs []error
	if file > d.size+d.size/8 {
		errs = append(errs, fmt.Errorf("the file has %d bytes", file))
	}
	if d.wal > logTarget || d.memory > memoryTarget {
		errs = append(errs, fmt.Errorf("the log has %d bytes, the process %d", d.wal, d.memory))
	}
	if percent := 100 * used.Seconds() / time.Hour.Seconds(); percent > recordTarget {
		fmt.Printf("(above the target of %.0f %%)\n", recordTarget)
	}
	d.used, d.next, d.wal, d.memory = cpu(), d.next.Add(time.Hour), 0, 0
	return errors.Join(errs...)
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// memory is what the process has resident, or else what Go has of the system.
func memory() uint64 {
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, resident uint64
		if _, err := fmt.Sscan(string(b), &size, &resident); err == nil {
			return resident * uint64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Sys
}
