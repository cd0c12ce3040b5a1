package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

func TestListOutputs(t *testing.T) {
	for name, line := range map[string]string{
		"bare.txt": "", "tanp.txt": "-tanp", "list.txt": "list -tuna", "extended.txt": "-tlpe", "info.txt": "-ti state established",
		"unix.txt": "-x", "netns.txt": "--all-netns -tl", "numeric.txt": "-n", "columns.txt": "--columns local_port,pid,process -H --sort -port",
		"jsonl.txt": "--jsonl -tlp sport = 8080", "json.txt": "--json --details port = 8080 and state listening", "csv.txt": "--csv -u -p",
		"proto-unix.txt": "proto = unix",
	} {
		w := newWorld(t)
		w.check(t, line, exitFound, "")
		golden(t, name, w.out.String())
		if !w.table.closed {
			t.Errorf("%s: the table stays open", line)
		}
	}
}

func TestListOnTerminal(t *testing.T) {
	w := newWorld(t)
	w.Terminal, w.ANSI, w.Width = true, true, 70
	w.check(t, "-tanp", exitFound, "")
	golden(t, "terminal.txt", w.out.String())
	w.vars["NO_COLOR"] = "1"
	w.check(t, "-tanp", exitFound, "")
	if strings.Contains(w.out.String(), "\x1b") {
		t.Error("NO_COLOR is not obeyed")
	}
	w.check(t, "-tanp --color always", exitFound, "")
	if !strings.Contains(w.out.String(), "\x1b[32mLISTEN") {
		t.Error("--color always is not obeyed")
	}
	w.check(t, "-t --json", exitFound, "")
	if w.table.queries[len(w.table.queries)-1].Ordered || strings.Contains(w.out.String(), "\x1b") {
		t.Error("JSON on a terminal is not plain")
	}
}

// TestDefaultOwners: -a and -n choose nothing, so users and owners stay; what chooses is without owners until -p, and the
// help says so.
func TestDefaultOwners(t *testing.T) {
	for line, owners := range map[string]bool{"": true, "-a": true, "-n": true, "-an": true, "-tl": false, "-tlp": true, "sport = 8080": true} {
		w := newWorld(t)
		w.check(t, line, exitFound, "")
		if got := strings.Contains(w.out.String(), "nginx[4242]"); got != owners {
			t.Errorf("sockeye %s shows owners: %v", line, got)
		}
	}
	w := newWorld(t)
	w.check(t, "list --help", exitFound, "")
	if !strings.Contains(w.out.String(), "Once a flag selects (-t -u -x -l -4 -6 -e -i), owners are shown with -p only.\n") {
		t.Errorf("%s", w.out.String())
	}
}

// TestDefaultRowsDoNotAllocate: not one allocation for a row of the table that a bare call prints.
func TestDefaultRowsDoNotAllocate(t *testing.T) {
	w := newWorld(t)
	l, err := w.plan(&listFlags{output: output{color: "auto"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	to := view.NewWriter(io.Discard, l.opt)
	row := func() { _ = l.row(to, &w.table.sockets[3]) }
	for range 2000 { // past the rows by which the columns are laid out
		row()
	}
	if n := testing.AllocsPerRun(1000, row); n != 0 {
		t.Errorf("%v allocations for a row", n)
	}
}

// TestListQueries: what is asked of the table is no more than needed.
func TestListQueries(t *testing.T) {
	for line, want := range map[string]netstat.Query{
		"":                          {Owner: netstat.OwnerPID},
		"-a":                        {Owner: netstat.OwnerPID},
		"-n":                        {Owner: netstat.OwnerPID},
		"-an":                       {Owner: netstat.OwnerPID},
		"-ta":                       {Protos: netstat.QueryTCP},
		"-tl":                       {Protos: netstat.QueryTCP, States: netstat.StatesOf(netstat.Listen, netstat.Unconnected)},
		"-tanp":                     {Protos: netstat.QueryTCP, Owner: netstat.OwnerPID},
		"-tu4":                      {Protos: netstat.QueryTCP | netstat.QueryUDP, Families: netstat.IPv4},
		"-e":                        {Owner: netstat.OwnerModule},
		"-i":                        {Info: true},
		"-l":                        {States: netstat.StatesOf(netstat.Listen, netstat.Unconnected)},
		"-la":                       {},
		"-t sport = 8080":           {Protos: netstat.QueryTCP, LocalPorts: []uint16{8080}},
		"-t process = nginx":        {Protos: netstat.QueryTCP, Owner: netstat.OwnerPID},
		"-t --sort rtt":             {Protos: netstat.QueryTCP, Info: true},
		"-t --columns unit,rtt":     {Protos: netstat.QueryTCP, Owner: netstat.OwnerModule, Info: true},
		"--columns local proto tcp": {Protos: netstat.QueryTCP},
		"-t state listening":        {Protos: netstat.QueryTCP, States: netstat.ListenerStates},
		"--all-netns -t":            {Protos: netstat.QueryTCP, AllNetNS: true},
	} {
		w := newWorld(t)
		if w.run(line); len(w.table.queries) != 1 {
			t.Errorf("%s: %d queries; %s", line, len(w.table.queries), w.err.String())
		} else if got := w.table.queries[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s asks for %+v, want %+v", line, got, want)
		}
	}
}

func TestListExitCodes(t *testing.T) {
	w := newWorld(t)
	w.check(t, "sport = 1", exitNotFound, "")
	w.check(t, "-t proto = udp", exitNotFound, "")
	w.check(t, "process = nobody", exitUnknown, "sockeye: nothing found, but the owners of 1 socket may not be seen; see sockeye doctor\n")
	w.check(t, "sport = foo", exitUnknown, "sockeye: filter: expected a port at \"sport = »foo«\"\n")
	w.check(t, "woh 80", exitUnknown, "sockeye: filter: no field is called \"woh\" at \"»woh« 80\"; it is no command either, see sockeye --help\n")
	w.check(t, "--bogus", exitUnknown, "sockeye: unknown flag: --bogus; see sockeye --help\n")
	w.check(t, "--json --csv", exitUnknown, "sockeye: --json, --jsonl and --csv exclude each other\n")
	w.check(t, "--color red", exitUnknown, "sockeye: --color is auto, always or never, not \"red\"\n")
	w.table.sockets = nil
	w.check(t, "", exitFound, "")
}

func TestListPartial(t *testing.T) {
	w := newWorld(t)
	w.table.partial = []error{errors.New("half of it\nis hidden")}
	w.check(t, "-t", exitFound, "sockeye: note: half of it is hidden\n")
	w.check(t, "-t --json", exitFound, "sockeye: note: half of it is hidden\n")
	var doc struct{ Partial []string }
	if err := json.Unmarshal(w.out.Bytes(), &doc); err != nil || len(doc.Partial) != 1 {
		t.Errorf("%v %v", doc, err)
	}
	w.check(t, "-t --sort port", exitFound, "sockeye: note: half of it is hidden\n")
}

func TestListFails(t *testing.T) {
	w := newWorld(t)
	w.table.readErr = &netstat.OpError{Op: "read", Err: errors.New("no way")}
	for _, line := range []string{"-t", "-t --sort port"} {
		w.check(t, line, exitUnknown, "sockeye: netstat: read: no way\n")
	}
	w.check(t, "--json", exitUnknown, "sockeye: netstat: read: no way\n")
	if !json.Valid(w.out.Bytes()) || !strings.Contains(w.out.String(), "no way") {
		t.Errorf("%s", w.out.String())
	}
	w.Open = func(*netstat.Config) (SocketTable, error) { return nil, errors.New("not here") }
	w.check(t, "-t", exitUnknown, "sockeye: not here\n")
}

func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, line := range []string{"--json", "--json --sort port"} {
		w.out.Reset()
		if code := w.Run(ctx, strings.Fields(line)); code != exitUnknown || !json.Valid(w.out.Bytes()) || w.err.Len() > 0 {
			t.Errorf("exit %d: %s%s", code, w.out.String(), w.err.String())
		}
	}
}

func TestWriteErrors(t *testing.T) {
	for _, line := range []string{"", "--json", "who 8080", "who 8080 --json", "who 8080 --csv", "doctor", "setup", "version"} {
		w := newWorld(t)
		w.Stdout = fullDisk{syscall.ENOSPC}
		w.check(t, line, exitUnknown, "sockeye: writing the output: "+syscall.ENOSPC.Error()+"\n")
		w.Stdout = fullDisk{syscall.EPIPE}
		w.check(t, line, exitFound, "")
	}
}

func TestMethod(t *testing.T) {
	w := newWorld(t)
	w.vars["SOCKEYE_METHOD"] = "proc-net"
	if w.check(t, "-t", exitFound, ""); w.config.Method != netstat.ProcNet {
		t.Errorf("method %v", w.config.Method)
	}
	w.vars["SOCKEYE_METHOD"] = "magic"
	w.check(t, "-t", exitUnknown, "sockeye: SOCKEYE_METHOD: there is no method \"magic\"; there are auto, bpf-walker, bpf-task-file, sock-diag, proc-net, iphlpapi\n")
}

func TestCSVIsCSV(t *testing.T) {
	w := newWorld(t)
	w.check(t, "--csv -tuxp", exitFound, "")
	records, err := csv.NewReader(&w.out).ReadAll()
	if err != nil || len(records) != 13 {
		t.Errorf("%d records, %v", len(records), err)
	}
}

// TestShellQuotes: an argument with spaces after a comparison is one value.
func TestShellQuotes(t *testing.T) {
	w := newWorld(t)
	if code := w.Run(context.Background(), []string{"-x", "path", "=", "/my dir/x"}); code != exitNotFound {
		t.Errorf("exit %d: %s", code, w.err.String())
	}
}

func TestCompletion(t *testing.T) {
	w := newWorld(t)
	for line, want := range map[string]string{
		"__complete --columns proto,lo": "proto,local_addr\n",
		"__complete --sort=-lo":         "-local_port\n",
		"__complete state es":           "established\n",
		"__complete -t state":           "state\n",
		"__complete --color n":          "never\n",
		"__complete w":                  "who\t",
	} {
		w.out.Reset()
		if w.run(line); !strings.Contains(w.out.String(), want) {
			t.Errorf("%s offers %q, want %q", line, w.out.String(), want)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		w.check(t, "completion "+shell, exitFound, "")
		if !strings.Contains(w.out.String(), "sockeye") {
			t.Errorf("no completion for %s", shell)
		}
	}
}

// TestUserOfOwner: where sockets have no user, as on Windows, the owner's is shown, and asked for.
func TestUserOfOwner(t *testing.T) {
	w := newWorld(t)
	for i := range w.table.sockets {
		w.table.sockets[i].HasUID = false
	}
	w.Names.OwnerUser = func(p *netstat.Process) string { return `BOX\` + p.Name }
	w.check(t, `-t user = BOX\curl`, exitFound, "")
	if q := w.table.queries[0]; q.Owner != netstat.OwnerPID || strings.Count(w.out.String(), "\n") != 2 {
		t.Errorf("%+v\n%s", q, w.out.String())
	}
}

func BenchmarkVersion(b *testing.B) {
	e := System()
	e.Stdout = io.Discard
	for b.Loop() {
		e.Run(b.Context(), []string{"--version"})
	}
}
