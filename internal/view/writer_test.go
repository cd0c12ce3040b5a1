package view

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sockeye-net/sockeye/netstat"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (%v); got:\n%s", name, err, got)
	}
}

func render(t *testing.T, opt Options, sockets []netstat.Socket) string {
	t.Helper()
	if opt.Names == nil {
		opt.Names = sampleNames()
	}
	var out bytes.Buffer
	w := NewWriter(&out, opt)
	for i := range sockets {
		if err := w.Row(&sockets[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close([]error{errors.New("a \"part\" is missing")}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var tanp = []string{"proto", "state", "recv_q", "send_q", "local", "remote", "owners"}

func TestTable(t *testing.T) {
	golden(t, "table.txt", render(t, Options{Columns: Columns(tanp...)}, sampleSockets()))
	golden(t, "all-columns.txt", render(t, Options{Columns: Columns(ColumnNames()...)}, sampleSockets()))
	golden(t, "no-header.txt", render(t, Options{Columns: Columns("proto", "local_port"), NoHeader: true}, sampleSockets()))
	golden(t, "color.txt", render(t, Options{Columns: Columns(tanp...), Color: true}, sampleSockets()))
}

func TestNarrowTable(t *testing.T) {
	cols := append(Columns("cookie", "inode"), Columns(tanp...)...)
	text := render(t, Options{Columns: cols, Width: 90}, sampleSockets())
	golden(t, "narrow.txt", text)
	for _, want := range []string{":443", ":51000", "nginx[4242],nginx[4243]", ":50000", ":40000", "LISTEN", "ESTABLISHED"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s was cut away", want)
		}
	}
	if strings.Contains(text, "COOKIE") {
		t.Error("the cookie was kept")
	}
	fixed := render(t, Options{Columns: cols, Width: 60, Fixed: true}, sampleSockets())
	if !strings.Contains(fixed, "COOKIE") {
		t.Error("a column that was asked for is left out")
	}
}

// TestNarrowestTable: every set of columns that flags choose fits 80 cells, however long its cells, also of rows that come
// late; 80 is the least that is promised.
func TestNarrowestTable(t *testing.T) {
	short, long := sampleSockets(), sampleSockets()[:1]
	long[0].Local, long[0].Remote = ap("[2001:db8:1:2:3:4:5:6]:50000"), ap("[2001:db8:1:2:3:4:5:7]:50001")
	long[0].State, long[0].Module, long[0].Proto = netstat.Established, "a-unit-with-a-long-name.service", netstat.TCP
	long[0].RecvQ, long[0].SendQ, long[0].Inode, long[0].Cookie, long[0].UID = 1<<31, 1<<31, 1<<31, 1<<60, 1<<31
	long[0].Info = netstat.TCPInfo{Known: true, Sent: 1 << 50, Received: 1 << 50, RTT: 1 << 31, Retrans: 1 << 31, Cwnd: 1 << 31}
	for pid := range 20 {
		long[0].Owners = append(long[0].Owners, netstat.Owner{Process: &netstat.Process{PID: 4_000_000 + pid, Name: "fifteen,letters"}, FD: 1000})
	}
	names := sampleNames()
	names.UserName = func(uint32) string { return "a-user-with-a-long-name" }
	sockets := append(slices.Repeat(short, layoutRows/len(short)+1), long[0])
	for _, choice := range []string{"", "user", "uid", "type", "netns", "netns type user", "user module inode cookie", "rx_bytes tx_bytes rtt_us retrans cwnd",
		"netns type user inode cookie module rx_bytes tx_bytes rtt_us retrans cwnd"} {
		opt := Options{Columns: Columns(append(strings.Fields(choice), tanp...)...), Names: names}
		for opt.Width = 80; opt.Width < 300; opt.Width += 7 {
			for line := range strings.Lines(render(t, opt, sockets)) {
				if n := textWidth([]byte(strings.TrimSuffix(line, "\n"))); n > opt.Width {
					t.Fatalf("%s: %d cells of %d: %s", choice, n, opt.Width, line)
				}
			}
		}
	}
}

// TestLeftOut: queues go before what the flags asked for, and the processes stay.
func TestLeftOut(t *testing.T) {
	info := append(append([]string{}, tanp...), "rx_bytes", "tx_bytes", "rtt_us", "retrans", "cwnd")
	sockets := sampleSockets()[:4]
	sockets[1].Info.Sent = 1 << 20
	header, _, _ := strings.Cut(render(t, Options{Columns: Columns(info...), Width: 90}, sockets), "\n")
	if got := strings.Join(strings.Fields(header), " "); got != "PROTO STATE LOCAL REMOTE PROCESS RX TX" {
		t.Error(got)
	}
}

func TestCutOwners(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"nginx[1],nginx[2]", 17, "nginx[1],nginx[2]"},
		{"nginx[1],nginx[2]", 16, "nginx[1],+1"},
		{"nginx[1],nginx[2],nginx[3]", 20, "nginx[1],nginx[2],+1"},
		{"nginx[1],nginx[2],nginx[3]", 19, "nginx[1],+2"},
		{"nginx[1],(unknown)", 16, "nginx[1],+1"},
		{"a,b],c[1],d[2]", 13, "a,b],c[1],+1"},
		{"sockeye.test[4194304]", 16, "sockey…[4194304]"},
		{"sockeye.test[4194304],x[1]", 16, "soc…[4194304],+1"},
		{"ねずみねずみ[4194304]", 16, "ねずみ…[4194304]"},
		{"(not_accepted)", 10, "(not_acce…"},
	} {
		got := string(appendCutOwners(nil, []byte(c.text), c.width))
		if got != c.want || textWidth([]byte(got)) > c.width {
			t.Errorf("%s in %d: %s", c.text, c.width, got)
		}
	}
}

// TestWideTable: a table that fits is not cut.
func TestWideTable(t *testing.T) {
	plain := render(t, Options{Columns: Columns(tanp...)}, sampleSockets())
	if got := render(t, Options{Columns: Columns(tanp...), Width: 200}, sampleSockets()); got != plain {
		t.Errorf("changed:\n%s", got)
	}
}

func TestTableStreamsAfterLayout(t *testing.T) {
	sockets := slices.Repeat(sampleSockets()[:1], 3*layoutRows)
	sockets = append(sockets, sampleSockets()[3])
	lines := strings.Split(strings.TrimSuffix(render(t, Options{Columns: Columns(tanp...)}, sockets), "\n"), "\n")
	if len(lines) != len(sockets)+1 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines[2 : len(lines)-1] {
		if l != lines[1] {
			t.Fatalf("%q\nis not %q", l, lines[1])
		}
	}
	if want := "[2001:db8::5]:50000  [2001:db8:1:2:3:4:5:6]:443  (permission)"; !strings.HasSuffix(lines[len(lines)-1], want) {
		t.Errorf("the long row is %q", lines[len(lines)-1])
	}
}

// TestNothingReachesTheTerminal: no form of output holds a control character that came from the system.
func TestNothingReachesTheTerminal(t *testing.T) {
	evil := netstat.Socket{Proto: netstat.Unix, Type: netstat.Stream, Path: "\x1b]0;x\a\u009b2J\u202e\r\n\x00\x7f\xff,\"",
		Module: "\x1b[2J", Owners: []netstat.Owner{{Process: &netstat.Process{PID: 1, Name: "\x1b[31m\b", Module: "\u2028"}}}}
	names := &Names{Details: func(*netstat.Process) (netstat.Details, bool) {
		return netstat.Details{Exe: "\x1bx", Args: []string{"a\x1b", "\xfe"}}, true
	}}
	for _, f := range []Format{Table, JSON, JSONL, CSV} {
		text := render(t, Options{Format: f, Names: names, Columns: Columns(ColumnNames()...)}, []netstat.Socket{evil})
		for _, r := range text {
			if r != '\n' && (r != '\r' || f != CSV) && !unicode.IsPrint(r) {
				t.Errorf("format %d lets %U through: %q", f, r, text)
			}
		}
	}
}

func allFields() []*Column {
	return SchemaColumns(Needs{Owners: true, Module: true, Info: true})
}

func TestJSON(t *testing.T) {
	opt := Options{Format: JSON, Columns: allFields(), Time: sampleTime, Host: "box"}
	text := render(t, opt, sampleSockets())
	golden(t, "list.json", text)
	var doc struct {
		Schema  int
		Time    time.Time
		Host    string
		Sockets []map[string]any
		Partial []string
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != 1 || !doc.Time.Equal(sampleTime) || doc.Host != "box" || len(doc.Sockets) != len(sampleSockets()) || doc.Partial[0] != `a "part" is missing` {
		t.Errorf("%+v", doc)
	}
	if got := doc.Sockets[7]["path"]; got != "/run/my \"odd\"\n\ufffd.sock" {
		t.Errorf("path %q", got)
	}
}

// TestJSONIsSchema: the fields are those of the schema, in its order, with its types.
func TestJSONIsSchema(t *testing.T) {
	type owner struct {
		PID     int    `json:"pid"`
		Name    string `json:"name"`
		FD      *int   `json:"fd,omitempty"`
		Exe     string `json:"exe,omitempty"`
		Cmdline string `json:"cmdline,omitempty"`
		Module  string `json:"module,omitempty"`
		User    string `json:"user,omitempty"`
		Started string `json:"started,omitempty"`
	}
	type socket struct {
		Proto      string   `json:"proto"`
		Family     int      `json:"family,omitempty"`
		Type       string   `json:"type,omitempty"`
		State      string   `json:"state"`
		LocalAddr  string   `json:"local_addr,omitempty"`
		LocalPort  *int     `json:"local_port,omitempty"`
		RemoteAddr string   `json:"remote_addr,omitempty"`
		RemotePort *int     `json:"remote_port,omitempty"`
		Path       string   `json:"path,omitempty"`
		Peer       uint64   `json:"peer,omitempty"`
		Interface  string   `json:"interface,omitempty"`
		NetNS      uint64   `json:"netns,omitempty"`
		UID        *int     `json:"uid,omitempty"`
		User       string   `json:"user,omitempty"`
		Inode      uint64   `json:"inode,omitempty"`
		Cookie     uint64   `json:"cookie,omitempty"`
		RecvQ      *int     `json:"recv_q,omitempty"`
		SendQ      *int     `json:"send_q,omitempty"`
		Module     string   `json:"module,omitempty"`
		Owners     *[]owner `json:"owners,omitempty"`
		Missing    string   `json:"owner_missing,omitempty"`
		RX         *uint64  `json:"rx_bytes,omitempty"`
		TX         *uint64  `json:"tx_bytes,omitempty"`
		RTT        *uint64  `json:"rtt_us,omitempty"`
		Retrans    *uint64  `json:"retrans,omitempty"`
		Cwnd       *uint64  `json:"cwnd,omitempty"`
		Congestion string   `json:"congestion,omitempty"`
	}
	names := sampleNames()
	names.Details = func(p *netstat.Process) (netstat.Details, bool) {
		return netstat.Details{Exe: "/usr/sbin/x", Args: []string{"x", "-y"}, User: "root", Started: sampleTime, Module: p.Module}, true
	}
	sockets := sampleSockets()
	sockets[7].Path = "/plain" // encoding/json writes \u00XX otherwise than we do
	sockets[4].Owners[0].Process = nginx
	text := render(t, Options{Format: JSONL, Columns: allFields(), Names: names}, sockets)
	for line := range strings.Lines(text) {
		var s socket
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&s); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		again, _ := json.Marshal(s)
		if string(again)+"\n" != line {
			t.Errorf("fields differ:\n%s%s", line, again)
		}
	}
}

func TestJSONOfNothing(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, Options{Format: JSON, Columns: allFields(), Time: sampleTime})
	if err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	if want := `{"schema":1,"time":"2026-03-04T05:06:07Z","sockets":[],"partial":[]}` + "\n"; out.String() != want {
		t.Errorf("%s", out.String())
	}
	if got := AppendJSON(nil, Columns("path"), nil, &netstat.Socket{}); string(got) != "{}" {
		t.Errorf("%s", got)
	}
}

// TestColumnsAsJSON: every column is valid JSON for every kind of socket.
func TestColumnsAsJSON(t *testing.T) {
	for _, s := range sampleSockets() {
		if text := AppendJSON(nil, Columns(ColumnNames()...), sampleNames(), &s); !json.Valid(text) {
			t.Errorf("%s", text)
		}
	}
}

func FuzzJSONString(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\"\\\xff\u2028\U0001f600\U000e0001")
	f.Fuzz(func(t *testing.T, text string) {
		var got string
		if err := json.Unmarshal(appendString(nil, text), &got); err != nil || got != string([]rune(text)) {
			t.Errorf("%q comes back as %q, %v", text, got, err)
		}
	})
}

func TestCSV(t *testing.T) {
	cols := FlatColumns(Needs{Owners: true, Module: true})
	text := render(t, Options{Format: CSV, Columns: cols}, sampleSockets())
	golden(t, "list.csv", text)
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(records) != len(sampleSockets())+1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	pid := slices.Index(records[0], "pid")
	if records[1][pid] != "4242,4243" || records[3][pid] != "" {
		t.Errorf("pids %q, %q", records[1][pid], records[3][pid])
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestWriteErrorEndsOutput(t *testing.T) {
	for _, f := range []Format{Table, JSON, JSONL, CSV} {
		w := NewWriter(&failing{after: 1}, Options{Format: f, Columns: Columns(tanp...)})
		s := sampleSockets()[0]
		rows := 0
		for ; rows < 100000 && w.Row(&s) == nil; rows++ {
		}
		if rows == 100000 || w.Close(nil) == nil {
			t.Errorf("format %d: %d rows without an error", f, rows)
		}
	}
}

func TestSort(t *testing.T) {
	sockets := sampleSockets()
	order := func(list string) (found []int) {
		o, _, err := ParseOrder(list, sampleNames())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range o.Sort(sockets) {
			found = append(found, slices.IndexFunc(sockets, func(x netstat.Socket) bool { return reflect.DeepEqual(x, *s) }))
		}
		return found
	}
	for list, want := range map[string][]int{
		"port":          {7, 8, 4, 0, 1, 2, 5, 6, 3},
		"-port":         {3, 6, 5, 0, 1, 2, 4, 7, 8},
		"proto,-port":   {3, 0, 1, 2, 6, 5, 4, 7, 8},
		"state,port":    {7, 0, 8, 4, 6, 1, 5, 3, 2},
		"local":         {8, 7, 0, 6, 1, 4, 2, 3, 5},
		"-tx_bytes":     {1, 0, 2, 3, 4, 5, 6, 7, 8},
		"pid,inode":     {2, 6, 3, 5, 8, 4, 7, 0, 1},
		"process,inode": {4, 7, 0, 1, 2, 6, 3, 5, 8},
	} {
		if got := order(list); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", list, got, want)
		}
	}
	if _, needs, _ := ParseOrder("rtt,process", nil); !needs.Info || !needs.Owners {
		t.Errorf("needs %+v", needs)
	}
	if _, _, err := ParseOrder("bogus", nil); err == nil || !strings.Contains(err.Error(), "there are proto, family") {
		t.Errorf("%v", err)
	}
}

func TestColumnsAreUnique(t *testing.T) {
	seen := make(map[string]bool)
	for i := range columns {
		c := &columns[i]
		for _, name := range append([]string{c.Name}, c.aliases...) {
			if seen[name] {
				t.Errorf("%s twice", name)
			}
			seen[name] = true
		}
		if c.text == nil || c.json == nil || c.compare == nil {
			t.Errorf("%s lacks a function", c.Name)
		}
	}
}
