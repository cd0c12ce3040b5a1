package sockevent

import (
	"errors"
	"fmt"

	"github.com/sockeye-net/sockeye/internal/btf"
)

// layout is where the running kernel keeps what the programs read: offsets in bytes within its structures.
type layout struct {
	// In struct sock_common, with which every struct sock begins.
	family, state, num, dport, daddr, saddr, daddr6, saddr6, iface, net, cookie, flags int

	proto, owned, uid int // in struct sock
	sport             int // in struct inet_sock
	netInum           int // net.ns.inum

	tcp  struct{ acked, received, sent, resent, srtt, retrans int } // in struct tcp_sock
	task struct{ leader, start, comm, flags, tgid int }             // in struct task_struct

	point              [points]uint32 // BTF ids of the tracepoints, 0 where there is none
	rdonlyCast, ptRegs uint32         // BTF ids of a function (0 before Linux 6.2) and a structure
}

// The tracepoints.
const (
	pointState = iota
	pointDestroy
	pointSend
	pointReceive
	points
)

var (
	structures  = []string{"sock", "inet_sock", "tcp_sock", "task_struct", "net", "pt_regs"}
	tracepoints = [points]string{"inet_sock_set_state", "tcp_destroy_sock", "sock_send_length", "sock_recv_length"}
)

// typedefPrefix begins the name of the typedef that stands for a tracepoint.
const typedefPrefix = "btf_trace_"

const castFunction = "bpf_rdonly_cast"

// resolveLayout finds the layout in the kernel's type information.
func resolveLayout(vmlinux []byte) (*layout, error) {
	names := []string{castFunction}
	for _, p := range tracepoints {
		names = append(names, typedefPrefix+p)
	}
	types, err := btf.Parse(vmlinux, structures, names)
	if err != nil {
		return nil, err
	}
	r := resolver{types: types}
	l := r.layout()
	if r.missing != "" {
		return nil, fmt.Errorf("sockevent: this kernel's types have no %s: %w", r.missing, errors.ErrUnsupported)
	}
	for i, p := range tracepoints {
		l.point[i], _ = types.ID(typedefPrefix + p)
	}
	l.rdonlyCast, _ = types.ID(castFunction)
	l.ptRegs, _ = types.ID("pt_regs")
	return l, nil
}

// resolver looks members up and remembers the first that is missing.
type resolver struct {
	types   *btf.Types
	missing string
}

func (r *resolver) layout() *layout {
	l := new(layout)
	common := func(m ...string) int { return r.at("sock", append([]string{"__sk_common"}, m...)...) }
	l.family, l.state, l.flags = common("skc_family"), common("skc_state"), common("skc_flags")
	l.num, l.dport, l.iface = common("skc_num"), common("skc_dport"), common("skc_bound_dev_if")
	l.daddr, l.saddr = common("skc_daddr"), common("skc_rcv_saddr")
	l.daddr6, l.saddr6 = common("skc_v6_daddr"), common("skc_v6_rcv_saddr")
	l.cookie = common("skc_cookie")
	l.net, l.netInum = common("skc_net", "net"), r.at("net", "ns", "inum")
	l.proto, l.uid, l.owned = r.at("sock", "sk_protocol"), r.at("sock", "sk_uid"), r.at("sock", "sk_lock", "owned")
	l.sport = r.at("inet_sock", "inet_sport")
	t := &l.tcp
	t.acked, t.received = r.at("tcp_sock", "bytes_acked"), r.at("tcp_sock", "bytes_received")
	t.sent, t.resent = r.at("tcp_sock", "bytes_sent"), r.at("tcp_sock", "bytes_retrans")
	t.srtt, t.retrans = r.at("tcp_sock", "srtt_us"), r.at("tcp_sock", "total_retrans")
	k := &l.task
	k.leader, k.comm, k.flags = r.at("task_struct", "group_leader"), r.at("task_struct", "comm"), r.at("task_struct", "flags")
	k.start, k.tgid = r.at("task_struct", "start_boottime"), r.at("task_struct", "tgid")
	return l
}

func (r *resolver) at(structure string, path ...string) int {
	id, ok := r.types.ID(structure)
	off := 0
	if ok {
		off, ok = r.types.Offset(id, path...)
	}
	if !ok && r.missing == "" {
		r.missing = fmt.Sprintf("%s.%s", structure, path[len(path)-1])
	}
	return off
}

// head is how much of struct sock_common the programs copy, a multiple of 8.
func (l *layout) head() int {
	end := max(l.family+2, l.num+2, l.dport+2, l.daddr+4, l.saddr+4, l.daddr6+16, l.saddr6+16, l.iface+4, l.net+8, l.cookie+8, l.flags+8)
	return (end + 7) &^ 7
}
