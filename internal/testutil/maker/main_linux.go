// Command maker opens sockets of one kind, writes what it holds as lines of JSON, and holds it until its standard input
// ends. It is built and started by tests, which compare the table they read with what the makers say.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"

	"github.com/sockeye-net/sockeye/internal/testutil/truth"
)

// kinds are what a maker can be asked for. A name beginning with '-' is for makers that are children of others.
var kinds = map[string]func(m *maker, n int){
	"listen4": listen4, "listen6": listen6, "listen-dual": listenDual, "listen-go": listenGo, "listen-tcp": listenPlain,
	"pair4": pair4, "pair6": pair6, "pair-mapped": pairMapped, "pair-mptcp": pairMPTCP, "bound": bound, "unbound": unbound, "finished": finished,
	"link-local": linkLocal,
	"reuseport":  reuseport, "reuseport-udp": reuseportUDP, "dup": duplicated,
	"fork": forked, "pass": passed, "in-flight": inFlight, "thread": threadOnly, "leader-gone": leaderGone, "uring": uringOnly,
	"time-wait": timeWait, "fin-wait1": finWait1, "fin-wait2": finWait2, "fin-wait2-long": finWait2Long, "closing": closing,
	"last-ack": lastAck, "close-wait": closeWait, "syn-sent": synSent, "syn-recv": synRecv, "accept-queue": acceptQueue,
	"udp4": udp4, "udp6": udp6, "udp-connected": udpConnected, "udp-mapped": udpMapped,
	"unix-stream": unixStream, "unix-dgram": unixDgram, "unix-seqpacket": unixSeqpacket, "unix-pair": unixPair,
	"unix-queue": unixQueue,
	"many":       many, "churn": churn, "churn-processes": churnProcesses,
	"-hold": holdInherited, "-reuseport": reuseportMember, "-receive": receive, "-blink": blink,
}

// maker is one process's run.
type maker struct {
	kind string
	out  *json.Encoder
}

// The leader thread belongs to main: the kind "leader-gone" ends it.
func main() {
	runtime.LockOSThread()
	kind, n := arguments()
	run, ok := kinds[kind]
	if !ok {
		fmt.Fprintln(os.Stderr, "usage: maker KIND [N], with KIND one of", names())
		os.Exit(2)
	}
	m := &maker{kind: kind, out: json.NewEncoder(os.Stdout)}
	run(m, n)
	m.hold()
}

func arguments() (kind string, n int) {
	n = 1
	if len(os.Args) > 1 {
		kind = os.Args[1]
	}
	if len(os.Args) > 2 {
		v, err := strconv.Atoi(os.Args[2])
		check(err, "the number of sockets")
		n = v
	}
	return kind, n
}

func names() (s []string) {
	for k := range kinds {
		s = append(s, k)
	}
	slices.Sort(s)
	return s
}

// hold says that everything is open and waits for the end of standard input.
func (m *maker) hold() {
	m.ready()
	io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func (m *maker) ready() {
	check(m.out.Encode(truth.Record{Kind: m.kind, FD: -1, Ready: true}), "write")
}

// own records a descriptor of this process.
func (m *maker) own(fd int, state string) truth.Record {
	r := describe(fd)
	r.Kind, r.PID, r.FD, r.State = m.kind, os.Getpid(), fd, state
	m.emit(r)
	return r
}

// nobody records a socket that no descriptor refers to.
func (m *maker) nobody(r truth.Record, state, missing string) {
	r.Kind, r.PID, r.FD, r.State, r.Missing = m.kind, 0, -1, state, missing
	m.emit(r)
}

func (m *maker) emit(r truth.Record) { check(m.out.Encode(r), "write") }

// spawn starts another maker that inherits files as its descriptors 3, 4, ..., passes its records on as ours, and
// returns when it is ready. It ends with our standard input, which is its own too.
func (m *maker) spawn(files []*os.File, args ...string) {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Stdin, cmd.Stderr, cmd.ExtraFiles = os.Stdin, os.Stderr, files
	out, err := cmd.StdoutPipe()
	check(err, "pipe")
	check(cmd.Start(), "start")
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var r truth.Record
		check(json.Unmarshal(lines.Bytes(), &r), lines.Text())
		if r.Ready {
			return
		}
		r.Kind = m.kind
		m.emit(r)
	}
	check(io.ErrUnexpectedEOF, "a maker's child")
}

// check ends the process: what a maker could not do is never something it may leave out.
func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "maker %v: %s: %v\n", os.Args[1:], what, err)
		os.Exit(1)
	}
}
