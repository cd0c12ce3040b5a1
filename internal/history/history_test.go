package history

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// sample records an hour: a server with two connections, a client, and what was there before.
func sample(t testing.TB) string {
	path, c := newFile(t), &clock{noon}
	web := listener(1, "0.0.0.0:443", nginx, worker)
	in1 := socket(2, netstat.Established, "10.0.0.1:443", "198.51.100.7:5000", nginx, worker)
	in2 := socket(3, netstat.Established, "10.0.0.1:443", "198.51.100.8:5001", worker)
	out := socket(4, netstat.Established, "10.0.0.1:40000", "192.0.2.5:443", curl)
	old := socket(5, netstat.Established, "10.0.0.1:40001", "192.0.2.6:22", curl)
	gone := listener(6, "127.0.0.1:9000", curl)
	record(t, path, c, &script{flows: []watch.Flow{flow(web, 0, 0), before(flow(old, 1000, 2000), 1000, 2000)}, steps: []func(*script) watch.Report{
		events(time.Minute, opened(in1, noon.Add(30*time.Second)), opened(gone, noon.Add(40*time.Second))),
		events(time.Minute, closed(in1, noon.Add(90*time.Second), 500, 50), opened(out, noon.Add(100*time.Second))),
		reading(time.Minute, flow(web, 0, 0), before(flow(old, 1100, 2000), 1000, 2000), flow(out, 10, 20)),
		events(time.Minute, closed(out, noon.Add(200*time.Second), 100, 9000), closed(gone, noon.Add(210*time.Second), 0, 0), opened(in2, noon.Add(220*time.Second))),
		reading(time.Minute, flow(web, 0, 0), before(flow(old, 1200, 2000), 1000, 2000), flow(in2, 7, 8)),
	}})
	return path
}

func TestLives(t *testing.T) {
	r := reader(t, sample(t))
	at := func(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		q    Query
		text string
		want string
	}{
		{Query{}, "", "5:40001+ 1:443 4:40000 3:443+"},
		{Query{From: at(60), To: at(61)}, "port = 443", "443"},
		{Query{From: at(150), To: at(151)}, "port = 443", "40000"},
		{Query{From: at(230)}, "", "40001+ 443+"},
		{Query{To: at(30)}, "", "40001+"},
		{Query{}, "process = curl", "40001+ 40000"},
		{Query{}, "process ~ ^ng and not port = 80", "443 443+"},
		{Query{}, "process != curl", "443 443+"},
		{Query{}, "unit = nginx", "443 443+"},
		{Query{}, "country = nz", "40001+ 40000"},
		{Query{}, "country != NZ", "443 443+"},
		{Query{}, "asn = AS64501 or dport = 22", "40001+ 443 443+"},
		{Query{}, "dst 192.0.2.0/24", "40001+ 40000"},
		{Query{}, "dst 198.51.100.7", "443"},
		{Query{}, "dst 198.51.100.7:5000 or src :40000", "443 40000"},
		{Query{}, "dst [::]/0", ""},
		{Query{}, "pid = 42", "443"},
		{Query{}, "rx_bytes > 100 and proto tcp", "40001+ 40000"},
		{Query{}, "user = 1000 and port = 22", "40001+"},
		{Query{Newest: 2}, "", "40000 443+"},
		{Query{Newest: 1}, "user = 1000", "443+"},
		{Query{Listeners: true}, "", "443+ 9000"},
		{Query{Listeners: true, Gone: true}, "", "9000"},
		{Query{Listeners: true, From: at(220)}, "", "443+"},
		{Query{Listeners: true}, "process = nginx", "443+"},
	} {
		got := ""
		for i, l := range lives(t, r, c.q, c.text) {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprint(l.Socket.Local.Port())
			if l.Open {
				got += "+"
			}
		}
		if c.text == "" && c.q == (Query{}) {
			c.want = "40001+ 443 40000 443+"
		}
		if got != c.want {
			t.Errorf("%+v %q: %s, want %s", c.q, c.text, got, c.want)
		}
	}
}

func TestWhatIsKept(t *testing.T) {
	r := reader(t, sample(t))
	all := lives(t, r, Query{}, "")
	if len(all) != 4 {
		t.Fatal(len(all))
	}
	before, in1, out, in2 := &all[0], &all[1], &all[2], &all[3]
	if before.Flags != OpenedBefore || !before.Open || before.Bytes.Sent != 1200 || before.Bytes.Received != 2000 || !before.Closed.Equal(noon.Add(5*time.Minute)) {
		t.Errorf("%+v", before)
	}
	if out.Bytes != (watch.Bytes{Sent: 100, Received: 9000, Basis: watch.FromTCPInfo}) || out.Flags != 0 || out.Place == nil || out.Place.ISO != "NZ" || out.Place.Org != "Example" {
		t.Errorf("%+v", out)
	}
	if in1.Flags != Incoming || len(in1.Socket.Owners) != 2 || in1.Socket.Owners[0].Process.PID != worker.PID || in1.Socket.Module != "nginx.service" ||
		!in1.Opened.Equal(noon.Add(30*time.Second)) || !in1.Closed.Equal(noon.Add(90*time.Second)) || in1.Open {
		t.Errorf("%+v", in1)
	}
	if in2.Bytes.Sent != 7 || !in2.Open || in2.Flags != Incoming {
		t.Errorf("%+v", in2)
	}
	d, ok := r.Details(in1.Socket.Owners[1].Process)
	if !ok || d != (Details{"/usr/bin/nginx", "nginx -v", "kim"}) {
		t.Errorf("%+v %v", d, ok)
	}
	s, err := r.Sessions(context.Background(), time.Time{}, time.Time{})
	if err != nil || len(s) != 1 || !s[0].From.Equal(noon) || s[0].Running {
		t.Errorf("%+v %v", s, err)
	}
}

func TestGroups(t *testing.T) {
	r := reader(t, sample(t))
	month := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		q      Query
		text   string
		by     By
		totals bool
		want   string
	}{
		{Query{}, "", ByProcess, false, "curl 2 12300/1 nginx 2 565/1"},
		{Query{}, "", ByHost, false, "192.0.2.5 1 9100/0 192.0.2.6 1 3200/1 198.51.100.7 1 550/0 198.51.100.8 1 15/1"},
		{Query{}, "", ByCountry, false, "NZ 2 12300/1 DE 2 565/1"},
		{Query{}, "user = 1000", ByCountry, false, "NZ 2 12300/1 DE 2 565/1"},
		{Query{}, "user = 1000", ByPort, false, "443 3 9665/1 22 1 3200/1"},
		{Query{}, "", ByPort, false, "443 3 9665/1 22 1 3200/1"},
		{Query{}, "", ByDay, false, "2026-11-20 4 12865/2"},
		{Query{}, "process = curl", ByUnit, false, " 2 12300/1"},
		{Query{From: month}, "", ByProcess, true, "curl 2 9300/0 nginx 2 565/0"},
		{Query{From: month}, "process = curl", ByHost, true, "192.0.2.5 1 9100/0 192.0.2.6 1 200/0"},
		{Query{From: month}, "", BySystem, true, "AS64500 2 9300/0 AS64501 2 565/0"},
		{Query{From: month, To: month.AddDate(0, 1, 0)}, "country = DE", ByProcess, true, "nginx 2 565/0"},
		{Query{From: month.AddDate(0, 0, 19)}, "", ByHost, true, "192.0.2.5 1 9100/0 198.51.100.7 1 550/0 192.0.2.6 1 200/0 198.51.100.8 1 15/0"},
		{Query{From: month.AddDate(0, -1, 0), To: month}, "", ByProcess, true, ""},
		{Query{Newest: 1}, "user = 1000", ByPort, false, "443 3 9665/1"},
		{Query{Newest: 1}, "", ByDay, false, "2026-11-20 4 12865/2"},
		{Query{From: month, Newest: 1}, "", ByHost, true, "192.0.2.5 1 9100/0"},
		{Query{Listeners: true}, "", ByPort, false, "443 1 0/1 9000 1 0/0"},
	} {
		q := c.q
		q.Names = new(view.Names)
		q.Filter = filter(t, c.text, q.Names)
		groups, totals, err := r.Groups(context.Background(), q, c.by)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for i, g := range groups {
			if i > 0 {
				got += " "
			}
			got += fmt.Sprintf("%s %d %d/%d", g.Key, g.Lives, g.Bytes.Sent+g.Bytes.Received, g.Open)
		}
		if got != c.want || totals != c.totals {
			t.Errorf("%+v %q by %v: %s (%v), want %s", c.q, c.text, c.by, got, totals, c.want)
		}
	}
}
