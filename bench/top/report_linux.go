package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/bench/lab"
)

// report is what was found.
type report struct {
	o     options
	lines []string
	ours  float64 // the processor time of sockeye top, in percent
	best  float64 // of the peers that are named in the target
}

func (r *report) say(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	r.lines = append(r.lines, line)
	fmt.Println(line)
}

func (r *report) measure() error {
	r.say("# The live screen: last results\n")
	r.say("%d processors, %s; Linux %s; %s; %s.", runtime.NumCPU(), runtime.GOARCH, lab.Kernel(), runtime.Version(),
		time.Now().UTC().Format(time.RFC3339))
	r.say("%d connections held by %d processes (%d sockets), of which %d send 64 bytes each second; %d connections opened and closed each second; %d idle processes with 20 descriptors each.",
		r.o.connections, r.o.holders, 2*r.o.connections, r.o.sends, r.o.rate, r.o.idle)
	r.say("Each in a terminal of %d by %d cells, once a second.\n", width, height)
	if err := r.cpu(); err != nil {
		return err
	}
	if err := r.start(); err != nil {
		return err
	}
	return r.key()
}

func (r *report) sockeye() string { return filepath.Join(r.o.bin, "sockeye") }

func (r *report) cpu() error {
	r.say("| program | CPU, %% of a core | over, s | peak MiB |\n|---|--:|--:|--:|")
	for _, v := range []string{"connections", "processes", "hosts"} {
		used, err := r.subject("sockeye top --view "+v, r.sockeye(), "top", "-n", "--view", v)
		if err != nil {
			return err
		}
		r.ours = max(r.ours, used)
	}
	for _, p := range [][]string{{"nethogs", "-a", "-d", "1"}, {"bandwhich", "-i", "lo", "-n"}, {"watch", "-n1", "ss -tanp"}} {
		if _, err := exec.LookPath(p[0]); err != nil {
			r.say("| %s | not measured: it is not here | | |", strings.Join(p, " "))
			continue
		}
		used, err := r.subject(strings.Join(p, " "), p...)
		if err != nil {
			r.say("| %s | not measured: %v | | |", strings.Join(p, " "), err)
			continue
		}
		if r.best == 0 || p[0] != "watch" && used < r.best {
			r.best = used
		}
	}
	r.say("\nThe most of ours is %.1f %%; a fifth of the peer is %.1f %%: %s.", r.ours, r.best/5, verdict(r.ours < r.best/5))
	return nil
}

func (r *report) subject(name string, words ...string) (percent float64, err error) {
	t, err := inTerminal(words...)
	if err != nil {
		return 0, err
	}
	defer t.end()
	time.Sleep(3 * time.Second)
	before, err := t.cpu()
	if err != nil {
		return 0, fmt.Errorf("it ended early: %w", err)
	}
	began := time.Now()
	time.Sleep(time.Duration(r.o.seconds) * time.Second)
	after, err := t.cpu()
	if err != nil {
		return 0, fmt.Errorf("it ended early: %w", err)
	}
	percent = 100 * float64(after-before) / float64(time.Since(began))
	r.say("| %s | %.1f | %d | %s |", name, percent, r.o.seconds, t.peak())
	return percent, nil
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "MISSED"
}

// start is the time from exec to a screen with connections on it.
func (r *report) start() error {
	var took, busy []time.Duration
	for range r.o.starts {
		t, err := inTerminal(r.sockeye(), "top", "-n")
		if err != nil {
			return err
		}
		err = t.wait("ESTABLISHED")
		took = append(took, time.Since(t.began))
		used, cerr := t.cpu()
		busy = append(busy, used)
		t.end()
		if err = errors.Join(err, cerr); err != nil {
			return err
		}
	}
	m := median(took)
	r.say("\n| what | median | worst | target | |\n|---|--:|--:|--:|---|")
	r.say("| start to the first screen with rows | %v | %v | 150 ms | %s |", ms(m), ms(slices.Max(took)), verdict(m < 150*time.Millisecond))
	r.say("| its processor time until then | %v | %v | | |", ms(median(busy)), ms(slices.Max(busy)))
	return nil
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", d.Seconds()*1000) }

// key is the time from a key to the bytes that answer it: of the cursor, and of a view that is sorted and drawn anew.
func (r *report) key() error {
	t, err := inTerminal(r.sockeye(), "top", "-n")
	if err != nil {
		return err
	}
	defer t.end()
	if err := t.wait("ESTABLISHED"); err != nil {
		return err
	}
	time.Sleep(2 * time.Second)
	if _, err := t.press(" ", "PAUSED"); err != nil { // so that only keys change the screen
		return err
	}
	for _, k := range []struct {
		what string
		keys []string
	}{{"key to screen: the cursor moves", []string{"j", "k"}}, {"key to screen: the order is turned", []string{"S"}}, {"key to screen: another view", []string{"3", "1"}},
		{"key to screen: to the end and back", []string{"G", "g"}}} {
		var took []time.Duration
		for i := range r.o.keys {
			time.Sleep(60 * time.Millisecond)
			d, err := t.press(k.keys[i%len(k.keys)], "")
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		m := median(took)
		r.say("| %s | %v | %v | 50 ms | %s |", k.what, ms(m), ms(slices.Max(took)), verdict(m < 50*time.Millisecond))
	}
	return nil
}

func (r *report) write() error {
	text := strings.Join(r.lines, "\n") + "\n"
	return os.WriteFile(filepath.Join(r.o.out, "top.md"), []byte(text), 0o644)
}
