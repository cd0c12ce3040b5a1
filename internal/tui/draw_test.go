package tui

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

// checkScreen checks that a screen has as many lines as it is high, none of them too wide, and nothing in them that a terminal
// obeys but colours.
func checkScreen(t testing.TB, m *Model) {
	t.Helper()
	text, x, y, typing := m.Draw()
	lines := strings.Split(text, "\n")
	if len(lines) != m.height {
		t.Fatalf("%d lines on a screen of %d:\n%s", len(lines), m.height, text)
	}
	for i, line := range lines {
		plain := sgr.ReplaceAllString(line, "")
		if n := view.Wide(plain); n > m.width {
			t.Fatalf("line %d takes %d cells of %d: %q", i, n, m.width, plain)
		}
		if strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("line %d has control characters: %q", i, plain)
		}
	}
	if typing && (x < 0 || x >= m.width || y < 0 || y >= m.height) {
		t.Fatalf("the cursor is at %d, %d", x, y)
	}
}

// rich is a model with something in every view.
func rich(t testing.TB) (*Model, *clock) {
	m, c := newModel(t, func(o *Options) {
		o.Theme = DarkTheme
		o.Details = func(p *netstat.Process) (netstat.Details, error) {
			return netstat.Details{Exe: "/usr/bin/" + p.Name, Args: []string{p.Name, "--evil\x1b[2J\n", "世界"}, User: "root",
				Parents: []netstat.Parent{{PID: 1, Name: "init"}}, Module: "x.service"}, nil
		}
		o.Reverse = func(context.Context, netip.Addr) (string, error) { return "host.example.", nil }
		o.Actions = new(deeds)
	})
	s := small
	s.flows = append(s.flows[:len(s.flows):len(s.flows)], tcp(11, "[2001:db8::1]:5000", "[2001:db8:1:2:3:4:5:6]:65535", curl, 1, 1))
	for i := range 60 {
		s.flows = append(s.flows, tcp(uint64(100+i), fmt.Sprintf("192.0.2.1:%d", 51000+i), "198.51.100.99:443", curl, uint64(i), 0))
	}
	m.Take(nil, &s, links(0, 0))
	c.at = c.at.Add(time.Second)
	snap := links(5_000_000, 1000)
	snap.Time = c.at
	m.Take(reading(), &s, snap)
	return m, c
}

func TestSizes(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {2, 2}, {5, 3}, {10, 4}, {20, 5}, {40, 8}, {80, 24}, {120, 40}, {200, 60}, {500, 5}, {3, 200}} {
		for _, press := range []string{"", "enter", "?", "c", "x", "X", "/", "e", "ctrl+f"} {
			m, _ := rich(t)
			m.Resize(size[0], size[1])
			for k := range kinds {
				m.switchTo(k)
				checkScreen(t, m)
				keys(m, "j", press)
				work(m)
				checkScreen(t, m)
				keys(m, "esc")
				m.chooser, m.help = nil, false
			}
		}
	}
}

// Whatever is pressed, there is a screen.
func FuzzKeys(f *testing.F) {
	f.Add([]byte("1j2k3 /tcp\r4?q5"))
	f.Add([]byte("2hljt\x00\x01\x02sScJKx  e"))
	f.Add([]byte("xyXKoabTfnN"))
	names := []string{"enter", "esc", "tab", "shift+tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "backspace", "delete",
		"ctrl+u", "ctrl+w", "ctrl+k", "ctrl+d", "ctrl+f", "space", "f1"}
	f.Fuzz(func(t *testing.T, presses []byte) {
		if len(presses) > 200 {
			return
		}
		m, c := rich(t)
		for _, b := range presses {
			switch {
			case b < 0x20:
				keys(m, names[int(b)%len(names)])
			case b < 0x7f:
				keys(m, string(rune(b)))
			case b < 0xa0:
				m.Resize(int(b-0x7f)*7, int(b-0x7f)*2)
			case b < 0xc0:
				m.Click(int(b-0xa0)*3, int(b-0xa0))
			case b < 0xd0:
				m.Wheel(b&1 == 0)
			case b < 0xe0:
				m.Paste("pa\x1bste\n世")
			default:
				c.at = c.at.Add(time.Duration(b) * 10 * time.Millisecond)
				m.Take(reading(), &script{flows: small.flows[:int(b)%4]}, nil)
			}
			work(m)
			checkScreen(t, m)
			if m.prompt != nil && strings.HasPrefix(m.prompt.label, "write") {
				keys(m, "esc") // whatever file that would be
			}
		}
	})
}

func TestPlain(t *testing.T) {
	m, _ := rich(t)
	m.opt.Theme = PlainTheme
	for k := range kinds {
		m.switchTo(k)
		for _, code := range sgr.FindAllString(screen(m), -1) {
			if strings.ContainsAny(code, "3459") && code != "\x1b[1;4m" {
				t.Errorf("%s: the plain theme has %q", k, code)
			}
		}
	}
}

func TestThemes(t *testing.T) {
	m, _ := newModel(t, func(o *Options) { o.Theme = AutoTheme })
	m.Background(false)
	if m.opt.Theme != LightTheme {
		t.Error("a light background makes the theme", m.opt.Theme)
	}
	m.Background(true)
	if m.opt.Theme != LightTheme {
		t.Error("the theme changes after it was chosen")
	}
	if _, err := ThemeByName("pink"); err == nil || !strings.Contains(err.Error(), "colorblind") {
		t.Error(err)
	}
}

func TestDetail(t *testing.T) {
	m, _ := rich(t)
	keys(m, "enter")
	screen(m)
	work(m)
	m.Resize(100, 40)
	text := sgr.ReplaceAllString(screen(m), "")
	for _, part := range []string{"nginx[80]", `nginx --evil\x1b[2J\x0a 世界`, "/usr/bin/nginx", "init[1]", "x.service", "host.example", "4.0 kB", "before the watch began"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("a command line is obeyed by the terminal")
	}
	keys(m, "4")
	screen(m)
}

// deeds are Actions that only note what was asked for.
type deeds struct {
	closed []netstat.Socket
	ended  []string
	err    error
	held   int
}

func (d *deeds) CloseConnection(_ context.Context, s *netstat.Socket) error {
	d.closed = append(d.closed, *s)
	return d.err
}

func (d *deeds) Hold(p *netstat.Process) (Held, error) {
	if d.err != nil {
		return nil, d.err
	}
	d.held++
	return &hold{d, p}, nil
}

type hold struct {
	*deeds
	p *netstat.Process
}

func (h *hold) End(_ context.Context, kill bool) (string, error) {
	h.ended = append(h.ended, fmt.Sprint(h.p.PID, kill))
	return "has ended", nil
}

func (h *hold) Close() error { h.held--; return nil }

func TestClose(t *testing.T) {
	m, _ := rich(t)
	d := m.opt.Actions.(*deeds)
	keys(m, "j", "x")
	text := sgr.ReplaceAllString(screen(m), "")
	for _, part := range []string{"Close this connection?", "tcp 192.0.2.1:50001 -> 198.51.100.7:443 ESTABLISHED", "of curl[4242]"} {
		if !strings.Contains(text, part) {
			t.Errorf("the question does not say %q:\n%s", part, text)
		}
	}
	for _, no := range []string{"n", "esc", "enter", "q"} {
		keys(m, no)
		if m.confirm != nil || m.quit {
			t.Error(no, "is no no")
		}
		work(m)
		keys(m, "x")
	}
	if keys(m, "j"); m.confirm == nil || len(d.closed) > 0 {
		t.Error("another key is an answer", d.closed)
	}
	m.Take(reading(), crowd(50, 50), nil) // the rows are others by now: what was named is hit
	keys(m, "y")
	work(m)
	if len(d.closed) != 1 || d.closed[0].Cookie != 1 || len(d.closed[0].Owners) != 1 {
		t.Fatalf("closed: %+v", d.closed)
	}
	if m.statusBad || !strings.Contains(m.status, "closed tcp 192.0.2.1:50001") {
		t.Error(m.status)
	}
	d.err = errors.New("denied: it needs\nroot")
	keys(m, "x", "y")
	work(m)
	if !m.statusBad || m.status != "denied: it needs root" {
		t.Error(m.status)
	}
}

func TestEnd(t *testing.T) {
	m, _ := rich(t)
	d := m.opt.Actions.(*deeds)
	keys(m, "j", "X")
	if m.confirm != nil || d.held != 0 {
		t.Error("it waits for the system")
	}
	work(m)
	text := sgr.ReplaceAllString(screen(m), "")
	for _, part := range []string{"End curl[4242]?", `curl --evil\x1b[2J`, "of root", "It holds 63 connections"} {
		if !strings.Contains(text, part) {
			t.Errorf("the question does not say %q:\n%s", part, text)
		}
	}
	keys(m, "n")
	if d.held != 0 || d.ended != nil {
		t.Error("after a no", d.held, d.ended)
	}
	for _, answer := range []string{"y", "K"} {
		keys(m, "X")
		work(m)
		keys(m, answer)
		work(m)
	}
	want(t, d.ended, "4242 false", "4242 true")
	if d.held != 0 || !strings.Contains(m.status, "curl[4242] has ended") {
		t.Error(d.held, m.status)
	}
	d.err = errors.New("refused: is the first process")
	keys(m, "X")
	work(m)
	if m.confirm != nil || !m.statusBad || !strings.Contains(m.status, "refused") {
		t.Error("a refusal is", m.status)
	}
	d.err = nil
	keys(m, "X")
	work(m)
	if err := m.leave(); err != nil || d.held != 0 {
		t.Error("who leaves during a question holds", d.held, err)
	}
}

func TestMouse(t *testing.T) {
	m, _ := rich(t)
	screen(m)
	m.Click(m.lines.tabs[Listeners][0]+1, tabsLine)
	if m.kind != Listeners {
		t.Error("a click on a tab shows", m.kind)
	}
	keys(m, "1")
	screen(m)
	for i := range m.layout.placed {
		if c := m.layout.placed[i]; c.name == "remote" {
			m.Click(c.x+1, headerLine)
			if m.page().cols[m.page().sort].name != "remote" || m.page().down {
				t.Error("a click on a header does not sort")
			}
			m.Click(c.x+1, headerLine)
			if !m.page().down {
				t.Error("a second click does not turn the order")
			}
		}
	}
	m.Click(10, headerLine+4)
	want(t, []int{m.page().cursor}, 3)
	m.Click(10, headerLine+4)
	if !m.detail {
		t.Error("a click on the cursor does not open the row")
	}
	keys(m, "esc")
	m.Wheel(true)
	want(t, []int{m.page().cursor}, 6)
	m.Wheel(false)
	want(t, []int{m.page().cursor}, 3)
}

func TestExport(t *testing.T) {
	dir := t.TempDir()
	for k, fields := range map[Kind][]string{Connections: {"remote_port", "rx_bytes_per_s"}, Processes: {"pid", "open"}, Hosts: {"remote_addr"}, Links: {"interface"}} {
		m, _ := rich(t)
		m.switchTo(k)
		m.Take(reading(), &small, nil)
		path := filepath.Join(dir, k.String()+".json")
		keys(m, "e", "ctrl+u")
		typed(m, path)
		keys(m, "enter")
		if m.statusBad {
			t.Fatal(m.status)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Schema   int
			Host     string
			Readings []map[string]any
		}
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%v:\n%s", err, text)
		}
		there := 0
		for _, r := range m.page().rows {
			if !r.gone() && !r.bare() {
				there++
			}
		}
		if doc.Schema != view.Schema || doc.Host != "host" || len(doc.Readings) != there || there == 0 {
			t.Errorf("%s: %d rows of %d", k, len(doc.Readings), there)
		}
		for _, f := range fields {
			if _, has := doc.Readings[0][f]; !has {
				t.Errorf("%s: there is no %s in %s", k, f, text)
			}
		}
		if err := m.export(path); !errors.Is(err, os.ErrExist) {
			t.Error("a file that is there was written to:", err)
		}
		if err := m.export(filepath.Join(dir, k.String()+".csv")); err != nil {
			t.Error(err)
		}
	}
	csv, _ := os.ReadFile(filepath.Join(dir, "connections.csv"))
	if head, _, _ := strings.Cut(string(csv), "\r\n"); !strings.Contains(head, "remote_port") || strings.Count(string(csv), "\r\n") < 3 {
		t.Errorf("CSV:\n%s", csv)
	}
}

// Names are looked up for what is seen, each once, few at a time.
func TestReverse(t *testing.T) {
	asked := 0
	m, _ := newModel(t, func(o *Options) {
		o.View, o.Width = Hosts, 160
		o.Reverse = func(_ context.Context, a netip.Addr) (string, error) {
			if asked++; a == netip.MustParseAddr("203.0.113.9") {
				return "", errors.New("no such host")
			}
			return "seven.example.", nil
		}
	})
	m.Take(reading(), &small, nil)
	for range 3 {
		screen(m)
		work(m)
	}
	want(t, cells(m, "name"), "", "seven.example")
	want(t, []int{asked}, 2)
	m.opt.Reverse = nil
	m.reverse.open()
	screen(m)
	if jobs := m.Jobs(); len(jobs) > 0 {
		t.Error("without leave names are looked up")
	}
}
