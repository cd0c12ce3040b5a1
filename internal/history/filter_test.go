package history

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// SQL must choose what the filter's own rules choose.

// variety records lives in which everything is known or not: owners, units, places, users, namespaces, bytes, peers, zones.
func variety(t testing.TB) string {
	path, c := newFile(t), &clock{noon}
	addrs := []string{"192.0.2.5", "198.51.100.7", "127.0.0.1", "0.0.0.0", "10.0.0.1", "::", "::1", "fe80::1%eth0", "fe80::1", "2001:db8::9", "::ffff:192.0.2.5"}
	procs := []*netstat.Process{nil, curl, nginx, worker, {PID: 7, Name: "", Module: "ssh.service", Started: noon}, {PID: 0, Name: "System", Started: noon}, {PID: 8, Name: "NGINX"}}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(n int) bool { return random.IntN(n) == 0 }
	var flows []watch.Flow
	var steps []func(*script) watch.Report
	for n := range 400 {
		remote := netip.MustParseAddr(addrs[random.IntN(len(addrs))])
		local := netip.MustParseAddr(addrs[random.IntN(len(addrs))])
		if remote.Is4() != local.Is4() {
			local = remote
		}
		s := netstat.Socket{Proto: netstat.TCP, State: []netstat.State{netstat.Established, netstat.TimeWait, netstat.Closed, netstat.Listen, netstat.SynSent}[random.IntN(5)],
			Local: netip.AddrPortFrom(local, []uint16{0, 80, 443, 40000}[random.IntN(4)]), Remote: netip.AddrPortFrom(remote, []uint16{0, 80, 443, 53}[random.IntN(4)]),
			Cookie: uint64(n + 1), NetNS: uint64(random.IntN(3)), HasUID: !pick(4), UID: []uint32{0, 1000, 4294967295}[random.IntN(3)]}
		if pick(3) {
			s.Proto = netstat.UDP
		}
		if p := procs[random.IntN(len(procs))]; p != nil {
			s.Owners, s.Module = own(p), p.Module
			if q := procs[random.IntN(len(procs))]; q != nil && pick(2) {
				s.Owners = own(p, q)
			}
		} else if s.Missing = netstat.MissingPermission; pick(2) {
			s.Module = "lost.service"
		}
		if pick(3) {
			f := flow(s, uint64(random.IntN(3000)), uint64(random.IntN(3000)))
			flows = append(flows, f)
			continue
		}
		end := closed(s, c.Add(time.Minute), uint64(random.IntN(3000)), uint64(random.IntN(3000)))
		if pick(3) || s.State == netstat.Listen {
			end.Bytes = watch.Bytes{}
		}
		steps = append(steps, events(time.Second, opened(s, c.Add(time.Second)), end))
	}
	record(t, path, c, &script{flows: flows, steps: steps})
	return path
}

// phrase makes a filter of the language.
func phrase(r *rand.Rand, depth int) string {
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	if depth > 0 {
		switch r.IntN(5) {
		case 0:
			return "not ( " + phrase(r, depth-1) + " )"
		case 1:
			return "( " + phrase(r, depth-1) + " or " + phrase(r, depth-1) + " )"
		case 2:
			return "( " + phrase(r, depth-1) + " and " + phrase(r, depth-1) + " )"
		}
	}
	order := pick("=", "!=", "<", "<=", ">", ">=")
	same := pick("=", "!=")
	like := pick("=", "!=", "~", "!~")
	switch r.IntN(16) {
	case 0:
		return pick("sport", "dport", "port") + " " + order + " " + pick("0", "80", "443", "53", "65535")
	case 1, 2:
		return pick("src", "dst") + " " + same + " " + pick("192.0.2.5", "192.0.2.0/24", "0.0.0.0/0", "[::]/0", "[::1]", "[fe80::1]", "[fe80::1%eth0]", "[fe80::1%eth1]",
			"127.0.0.1:443", ":443", "*:80", "[2001:db8::]/32:53", "[::ffff:192.0.2.5]", "0.0.0.0", "[::]")
	case 3:
		return "proto " + same + " " + pick("tcp", "udp", "unix")
	case 4:
		return "family " + same + " " + pick("4", "6")
	case 5, 6:
		return pick("process", "unit") + " " + like + " " + pick("nginx", "curl", "NGINX", "ng", "^n", "ssh", "nginx.service", "lost.service", "System", "'^$'", "x*")
	case 7:
		return "pid " + order + " " + pick("0", "7", "42", "43", "99")
	case 8:
		return "user " + like + " " + pick("root", "1000", "0", "kim")
	case 9:
		return "uid " + order + " " + pick("0", "1000", "4294967295", "18446744073709551615")
	case 10:
		return "netns " + order + " " + pick("0", "1", "2")
	case 11:
		return pick("rx_bytes", "tx_bytes", "rtt_us", "inode", "cookie") + " " + order + " " + pick("0", "1000", "9223372036854775808")
	case 12:
		return pick("country", "region", "city", "isp") + " " + like + " " + pick("NZ", "nz", "germany", "Example", "'^$'", "^g")
	case 13:
		return "asn " + order + " " + pick("64500", "AS64501", "0")
	case 14:
		return "special " + like + " " + pick("loopback", "private", "link-local", "documentation", "unspecified", "lo")
	}
	return pick("state", "exclude") + " " + pick("established", "listening", "time-wait", "connected", "all")
}

// matched are the lives that the filter's own rules choose.
func matched(t *testing.T, all []Life, text string) (out []string) {
	var here *geoip.Location
	names := &view.Names{Place: func(netip.Addr) *geoip.Location { return here }}
	f, err := view.ParseFilter(text, names)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for i := range all {
		here = all[i].Place
		names.ForgetPlaces()
		if f.Match(&all[i].Socket) {
			out = append(out, nameOf(&all[i]))
		}
	}
	return out
}

func nameOf(l *Life) string {
	return fmt.Sprintf("%v %v %v>%v %v %v %d %v%d %v %d/%d", l.Socket.Proto, l.Socket.State, l.Socket.Local, l.Socket.Remote, ownerNames(l), l.Socket.Module,
		l.Socket.NetNS, l.Socket.HasUID, l.Socket.UID, l.Open, l.Bytes.Sent, l.Bytes.Received)
}

func ownerNames(l *Life) (names []string) {
	for _, o := range l.Socket.Owners {
		names = append(names, fmt.Sprint(o.Process.Name, o.Process.PID))
	}
	return names
}

func chosen(t *testing.T, r *Reader, q Query, text string) (out []string) {
	for _, l := range lives(t, r, q, text) {
		out = append(out, nameOf(&l))
	}
	return out
}

func differ(t *testing.T, r *Reader, all map[bool][]Life, text string) {
	t.Helper()
	for _, listeners := range []bool{false, true} {
		want, got := matched(t, all[listeners], text), chosen(t, r, Query{Listeners: listeners}, text)
		if strings.Join(sortedCopy(want), "\n") != strings.Join(sortedCopy(got), "\n") {
			t.Errorf("%q (listeners: %v): %d lives match, %d are chosen: %s", text, listeners, len(want), len(got), firstDifference(want, got))
			continue
		}
		whole, newest := lives(t, r, Query{Listeners: listeners}, text), lives(t, r, Query{Listeners: listeners, Newest: 7}, text)
		whole = whole[max(len(whole)-7, 0):]
		same := func(a, b Life) bool { return a.Opened.Equal(b.Opened) }
		if !slices.EqualFunc(whole, newest, same) {
			t.Errorf("%q: the newest are not the last ones: %d of %d", text, len(newest), len(whole))
		}
		q := Query{Listeners: listeners, Names: new(view.Names)}
		q.Filter = filter(t, text, q.Names)
		for _, by := range []By{ByProcess, ByHost, ByPort, ByDay} {
			groups, _, err := r.Groups(context.Background(), q, by)
			n := uint64(0)
			for _, g := range groups {
				n += g.Lives
			}
			if err != nil || n != uint64(len(want)) {
				t.Errorf("%q by %v: %d lives of %d, %v", text, by, n, len(want), err)
			}
		}
	}
}

func allLives(t testing.TB, r *Reader) map[bool][]Life {
	all := map[bool][]Life{false: lives(t, r, Query{}, ""), true: lives(t, r, Query{Listeners: true}, "")}
	if len(all[false]) < 200 || len(all[true]) < 50 {
		t.Fatalf("%d lives, %d listeners", len(all[false]), len(all[true]))
	}
	return all
}

func TestFilterAsSQL(t *testing.T) {
	testutil.NotRaced(t)
	r := reader(t, variety(t))
	all := allLives(t, r)
	n, random := 120, rand.New(rand.NewPCG(3, 4))
	if testutil.Thorough() {
		n = 1000
	}
	for range n {
		differ(t, r, all, phrase(random, 2))
		if t.Failed() {
			return
		}
	}
}

// TestPaused: a reader that is kept waiting lets go of the file, so that the log can begin anew, and goes on without leaving out
// or repeating anything.
func TestPaused(t *testing.T) {
	path := variety(t)
	r := reader(t, path)
	want := chosen(t, r, Query{}, "proto tcp")
	r.patience = time.Millisecond
	var got []string
	q, writer, n := Query{Names: new(view.Names)}, open(t, path, &clock{noon}), 0
	defer shut(t, writer)
	q.Filter = filter(t, "proto tcp", q.Names)
	err := r.Lives(context.Background(), q, func(l *Life) error {
		got = append(got, nameOf(l))
		if n++; n%9 != 0 {
			return nil
		}
		for begun := time.Now(); ; time.Sleep(2 * time.Millisecond) {
			_, err := writer.delete(fmt.Sprintf("INSERT INTO gap(time, lost, why) VALUES (%d, 0, '')", n))
			var busy, log, moved int
			err = errors.Join(err, writer.conn.QueryRowContext(background, "PRAGMA wal_checkpoint(RESTART)").Scan(&busy, &log, &moved))
			if err != nil || time.Since(begun) > 10*time.Second {
				return fmt.Errorf("the log is in use: %w", err)
			}
			if busy == 0 {
				return nil
			}
		}
	})
	if err != nil || !slices.Equal(sortedCopy(want), sortedCopy(got)) {
		t.Errorf("%d lives of %d (%v): %s", len(got), len(want), err, firstDifference(want, got))
	}
	stop := errors.New("stop")
	if err := r.Lives(context.Background(), q, func(*Life) error { time.Sleep(5 * time.Millisecond); return stop }); err != stop {
		t.Error(err)
	}
}

// TestLargest: the largest groups are the first of all, whether they are chosen in SQL or here.
func TestLargest(t *testing.T) {
	testutil.NotRaced(t)
	r := reader(t, variety(t))
	for _, text := range []string{"", "proto tcp", "process = nginx", "country = nz", "rtt_us = 1 or uid >= 0"} {
		for _, from := range []time.Time{{}, firstOf(2026, 11, time.UTC)} {
			for by := ByProcess; by <= BySystem; by++ {
				q := Query{From: from, Names: new(view.Names)}
				q.Filter = filter(t, text, q.Names)
				all, _, err := r.Groups(context.Background(), q, by)
				q.Newest = 3
				some, _, err2 := r.Groups(context.Background(), q, by)
				if err != nil || err2 != nil || len(some) != min(3, len(all)) {
					t.Fatalf("%q by %v: %d of %d, %v %v", text, by, len(some), len(all), err, err2)
				}
				for i := range some {
					if some[i].Bytes != all[i].Bytes || some[i].Lives != all[i].Lives {
						t.Errorf("%q by %v from %v: %d is %s, not %s", text, by, from, i, some[i].Key, all[i].Key)
					}
				}
			}
		}
	}
}

// FuzzFilterAsSQL takes a text, or where it is no filter one that is made of a seed.
func FuzzFilterAsSQL(f *testing.F) {
	r := reader(f, variety(f))
	all := allLives(f, r)
	for seed, text := range []string{"port = 443 and not process ~ ^ng", "dst [::ffff:192.0.2.5]", "country != nz or uid > 0", "no filter"} {
		f.Add(text, uint64(seed))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		if _, err := view.ParseFilter(text, new(view.Names)); err != nil {
			text = phrase(rand.New(rand.NewPCG(seed, 5)), 3)
		}
		differ(t, r, all, text)
	})
}

func sortedCopy(all []string) []string { return slices.Sorted(slices.Values(all)) }

func firstDifference(want, got []string) string {
	count := map[string]int{}
	for _, w := range want {
		count[w]++
	}
	for _, g := range got {
		count[g]--
	}
	for name, n := range count {
		if n != 0 {
			return fmt.Sprintf("%+d %s", n, name)
		}
	}
	return "none"
}
