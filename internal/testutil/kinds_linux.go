package testutil

import "slices"

// AllKinds are the kinds of sockets a maker can hold, one maker each: what a table has to get right.
var AllKinds = []string{
	"listen4", "listen6", "listen-dual", "listen-go", "listen-tcp", "pair4", "pair6", "pair-mapped", "pair-mptcp", "bound", "unbound",
	"finished", "link-local", "reuseport", "reuseport-udp", "dup", "fork", "pass", "in-flight", "thread", "leader-gone", "uring",
	"time-wait", "fin-wait1", "fin-wait2", "fin-wait2-long", "closing", "last-ack", "close-wait", "syn-sent", "syn-recv", "accept-queue",
	"udp4", "udp6", "udp-connected", "udp-mapped", "unix-stream", "unix-dgram", "unix-seqpacket", "unix-pair", "unix-queue",
}

// SSLacks takes from the truth what ss does not tell, which is no fault of ours:
//
//   - a socket that is merely bound is listed only by iproute2 6.8 and later (with -B), and by none before;
//   - owners are looked for in /proc/PID/fd, the leader thread's table: a socket that only another thread's own table
//     holds, or any socket of a process whose leader thread has ended, has no owner there.
func SSLacks(want []Row, ss []SSRow) []Row {
	var rows []Row
	lists := func(r SSRow) bool { return r.State == "BOUND" }
	for _, r := range want {
		if r.State == "BOUND" && !slices.ContainsFunc(ss, lists) {
			continue
		}
		if r.Kind == "thread" || r.Kind == "leader-gone" {
			r.Owners = nil
		}
		rows = append(rows, r)
	}
	return rows
}
