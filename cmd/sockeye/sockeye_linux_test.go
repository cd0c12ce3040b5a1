package main

import (
	"encoding/csv"
	"encoding/json"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func TestListFilter(t *testing.T) {
	_, port := listenTCP(t)
	r := finish(t, program(t, "-tlnp", "sport = :"+port))
	r.check(t, 0, "*")
	notes(t, r)
	if lines := strings.Split(r.out, "\n"); len(lines) != 3 || !strings.HasPrefix(lines[0], "PROTO") || !strings.HasSuffix(lines[1], self) {
		t.Errorf("%s", r.out)
	}
	r.contains(t, "127.0.0.1:"+port)
	sockeye(t, "-H -tl sport = :"+port).check(t, 0, "")
	sockeye(t, "-tl sport = :"+freePort(t)).check(t, 1, "")
}

func TestBare(t *testing.T) {
	_, tcp := listenTCP(t)
	udp := listenUDP(t)
	for _, line := range []string{"", "-a", "-n", "list"} {
		r := sockeye(t, line)
		r.check(t, 0, "*")
		r.contains(t, "127.0.0.1:"+tcp, "127.0.0.1:"+udp, self)
	}
}

func TestWho(t *testing.T) {
	_, tcp := listenTCP(t)
	udp := listenUDP(t)
	r := sockeye(t, "who "+tcp)
	r.check(t, 0, "*")
	notes(t, r)
	r.contains(t, "tcp port "+tcp+": ", self+"\n", "  listens on   127.0.0.1:"+tcp+"\n")
	r = sockeye(t, "who "+udp+"/udp")
	r.check(t, 0, "*")
	r.contains(t, "udp port "+udp+": ", self+"\n")
	r = sockeye(t, "who "+tcp+"/udp")
	r.check(t, 1, "*")
	r.contains(t, "udp port "+tcp+": nobody\n")
	r = sockeye(t, "who "+tcp+" "+freePort(t))
	r.check(t, 1, "*")
	r.contains(t, self+"\n", ": nobody\n")
	sockeye(t, "who").oneLine(t, "who needs a port")
	sockeye(t, "who 70000").oneLine(t, `"70000": a port is a number`)
}

// TestWhoTimeWait: a port that nobody owns is told from one that nobody has.
func TestWhoTimeWait(t *testing.T) {
	port := timeWaitPort(t)
	for _, line := range []string{"who " + port, "who -a " + port, "who " + port + "/tcp"} {
		r := sockeye(t, line)
		r.check(t, 1, "*")
		r.contains(t, "tcp port "+port+": nobody\n  no owner     1 TIME_WAIT: ")
	}
}

// TestWhoNotAccepted: what waits for a listener is beside it in a complete answer, and no hindrance to a short one.
func TestWhoNotAccepted(t *testing.T) {
	l, port := listenTCP(t)
	peer, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	r := sockeye(t, "who "+port)
	r.check(t, 0, "*")
	r.contains(t, self+"\n")
	r = sockeye(t, "who -a "+port)
	r.check(t, 0, "*")
	r.contains(t, self+"\n", "tcp port "+port+": besides\n  no owner     1 ESTABLISHED: not accepted by the listener yet\n")
}

// document is what is common to the JSON of list and who.
type document struct {
	Schema  int
	Time    string
	Host    string
	Sockets []socket
	Ports   []struct {
		Port    int
		Proto   string
		Sockets []socket
	}
}

type socket struct {
	Proto     string
	State     string
	LocalAddr string `json:"local_addr"`
	LocalPort int    `json:"local_port"`
	Owners    []struct {
		PID  int
		Name string
		FD   int
	}
}

// ours reports whether a socket is our listener on the port.
func (s *socket) ours(port string) bool {
	return strconv.Itoa(s.LocalPort) == port && s.LocalAddr == "127.0.0.1" && len(s.Owners) == 1 && s.Owners[0].PID == os.Getpid() && s.Owners[0].FD > 0
}

func decode(t *testing.T, text string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
}

func count(sockets []socket, port string) (n int) {
	for i := range sockets {
		if sockets[i].ours(port) {
			n++
		}
	}
	return n
}

func TestWhoJSON(t *testing.T) {
	_, tcp := listenTCP(t)
	udp := listenUDP(t)
	r := sockeye(t, "who "+tcp+" "+udp+"/udp --json")
	r.check(t, 0, "*")
	var doc document
	decode(t, r.out, &doc)
	if doc.Schema != 1 || len(doc.Ports) != 3 {
		t.Fatalf("%s", r.out)
	}
	for i, want := range []struct {
		port, proto string
		n           int
	}{{tcp, "tcp", 1}, {tcp, "udp", 0}, {udp, "udp", 1}} {
		p := doc.Ports[i]
		if strconv.Itoa(p.Port) != want.port || p.Proto != want.proto || count(p.Sockets, want.port) != want.n {
			t.Errorf("%+v, want %+v", p, want)
		}
	}
}

func TestListJSON(t *testing.T) {
	_, port := listenTCP(t)
	for _, line := range []string{"list --json", "--json -tlp sport = " + port, "list --json --details process = " + name(t)} {
		r := sockeye(t, line)
		r.check(t, 0, "*")
		var doc document
		decode(t, r.out, &doc)
		if doc.Schema != 1 || doc.Time == "" || doc.Host == "" || count(doc.Sockets, port) != 1 {
			t.Errorf("%s: %s", line, r.out)
		}
	}
}

// name is the short name of this process.
func name(t *testing.T) string {
	t.Helper()
	comm, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(comm))
}

func TestListJSONL(t *testing.T) {
	_, port := listenTCP(t)
	r := sockeye(t, "list --jsonl -tap")
	r.check(t, 0, "*")
	var all []socket
	for line := range strings.Lines(r.out) {
		var s socket
		decode(t, line, &s)
		all = append(all, s)
	}
	if count(all, port) != 1 {
		t.Errorf("%s", r.out)
	}
}

func TestListCSV(t *testing.T) {
	_, port := listenTCP(t)
	r := sockeye(t, "list --csv -tlp")
	r.check(t, 0, "*")
	records, err := csv.NewReader(strings.NewReader(r.out)).ReadAll()
	if err != nil || len(records) < 2 {
		t.Fatalf("%v in\n%s", err, r.out)
	}
	column := make(map[string]int)
	for i, title := range records[0] {
		column[title] = i
	}
	found := 0
	for _, row := range records[1:] {
		if row[column["local_port"]] == port && row[column["pid"]] == strconv.Itoa(os.Getpid()) && row[column["state"]] == "LISTEN" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("%s", r.out)
	}
}

// TestMethods: each method that works here finds our sockets, and what nobody owns.
func TestMethods(t *testing.T) {
	_, port := listenTCP(t)
	gone, free := timeWaitPort(t), freePort(t)
	for _, method := range []string{"auto", "bpf-walker", "bpf-task-file", "sock-diag", "proc-net"} {
		t.Run(method, func(t *testing.T) {
			with := func(args ...string) result {
				cmd := program(t, args...)
				cmd.Env = append(cmd.Env, "SOCKEYE_METHOD="+method)
				return finish(t, cmd)
			}
			if r := with("-tl"); r.code != 0 && strings.HasPrefix(method, "bpf") {
				r.oneLine(t, "sockeye: ")
				testutil.Lack(t, "needs root and a kernel that takes it: "+r.err)
			}
			r := with("-tlnp", "sport", "=", port)
			r.check(t, 0, "*")
			r.contains(t, self)
			r = with("who", port, gone, free)
			r.check(t, 1, "*")
			r.contains(t, self+"\n", "tcp port "+gone+": nobody\n  no owner     1 TIME_WAIT: ", "port "+free+": nobody\n")
		})
	}
	cmd := program(t, "-t")
	cmd.Env = append(cmd.Env, "SOCKEYE_METHOD=magic")
	finish(t, cmd).oneLine(t, `there is no method "magic"`)
}

// TestHidden: who may not see the owner is told so, and that is an exit code of its own.
func TestHidden(t *testing.T) {
	testutil.NeedRoot(t)
	if _, err := os.Stat("/run/sockeye-bpf"); err == nil {
		t.Skip("sockeye setup has opened the owners to users")
	}
	_, port := listenTCP(t)
	r := finish(t, asUser(program(t, "who", port)))
	r.check(t, 2, "*")
	r.contains(t, "tcp port "+port+": the owner could not be found out\n", "  hidden       1 LISTEN of user root")
	if !strings.HasPrefix(r.err, "sockeye: note: ") || strings.Count(r.err, "\n") != 1 {
		t.Errorf("%s", r.err)
	}
	r = finish(t, asUser(program(t, "-tlp", "sport = :"+port)))
	r.check(t, 0, "*")
	r.contains(t, "(permission)")
}

func TestBadUsage(t *testing.T) {
	for line, part := range map[string]string{
		"sport = :80 and and":          "sockeye: filter: no field is called \"and\" at \"sport = :80 and »and«\"\n",
		"sport = foo":                  "sockeye: filter: expected a port at \"sport = »foo«\"\n",
		"--bogus":                      "sockeye: unknown flag: --bogus; see sockeye --help\n",
		"--columns bogus":              "bogus",
		"--json --csv":                 "exclude each other",
		"setup --max-sockets 100":      "sockeye: --max-sockets 100 is too few to be of use: 4096 is the least\n",
		"setup --undo --everyone":      "sockeye: ",
		"doctor now":                   "sockeye: ",
		"list -t process ~ [":          "sockeye: filter: ",
		"list sport = 80 sport = 90 )": "sockeye: filter: ",
	} {
		sockeye(t, line).oneLine(t, part)
	}
}

// TestSetupNeedsRoot: an ordinary user is told so, and not what setup would have done.
func TestSetupNeedsRoot(t *testing.T) {
	for _, args := range [][]string{{"setup"}, {"setup", "--everyone"}} {
		finish(t, asUser(program(t, args...))).oneLine(t, "sockeye: setup needs root: run it with sudo")
	}
}

func TestHelpAndVersion(t *testing.T) {
	for line, part := range map[string]string{"--help": "Usage:", "list --help": "Usage:", "who --help": "Exit status:", "setup --help": "in a BPF file\nsystem under /run",
		"doctor --help": "SOCKEYE_METHOD", "version": "linux/", "--version": "linux/"} {
		r := sockeye(t, line)
		r.check(t, 0, "")
		r.contains(t, part)
	}
}
