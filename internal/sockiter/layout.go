// Package sockiter reads the machine's sockets, with the process that holds each, in one pass inside the kernel: BPF
// iterator programs that it assembles for the running kernel, loads, runs and, on wish, leaves pinned for later.
//
// Two programs give the same records. The walker (an iter/task program) walks descriptor tables itself, 16 descriptors at
// a time, and writes records into an array shared with this process: the fastest way, from Linux 6.2. The task-file
// program is called by the kernel for every descriptor and hands records out through read(2): slower, but it works from
// Linux 5.11 and can be opened by every user once it is pinned.
package sockiter

import (
	"fmt"

	"github.com/sockeye-net/sockeye/internal/btf"
)

// Layout is where the running kernel keeps what the programs read: offsets in bytes within its structures, and BTF ids.
type Layout struct {
	iterTask, iterTaskFile, rdonlyCast uint32 // BTF ids of functions
	ptRegs, sock, tcpSock, taskStruct  uint32 // BTF ids of structures

	task  taskLayout
	file  struct{ op, private int }
	sk    sockLayout
	tcp   tcpLayout
	files struct{ fdt, fd, maxFDs int }

	socketSk int // socket.sk
	// An inode number is kept in the socket itself from Linux 6.17; before, in the inode beside the struct socket.
	hasSkIno     bool
	socketInode  int // from struct socket to its inode's number
	netInum      int // net.ns.inum
	udpDeficit   int // udp_sock.forward_deficit, -1 where there is none
	halfOpen     int // inet_connection_sock.icsk_accept_queue.qlen
	mptcpFirst   int // mptcp_sock.first, -1 where there is none
	cgroupKn     int // cgroup.kn
	kernfsNodeID int
}

type taskLayout struct{ pid, tgid, comm, files, leader, start int }

type sockLayout struct {
	family, state, num, dport, daddr, saddr, daddr6, saddr6, cookie, iface, net int // struct sock_common
	proto, typ, uid, ino, socket, backlog, maxBacklog, rmem, wmem, cgroup       int // struct sock
}

type tcpLayout struct{ acked, received, srtt, retrans, cwnd, una, written, copied, next, sent, resent, caState int }

// structures are those that the programs look into. The functions that each needs are named apart: looking for a name in
// the kernel's types takes a tenth of a millisecond or two.
var (
	structures = []string{
		"task_struct", "files_struct", "fdtable", "file", "socket", "sock", "tcp_sock", "udp_sock", "pt_regs", "net", "cgroup",
		"kernfs_node", "socket_alloc", "inode", "inet_connection_sock", "mptcp_sock",
	}
	walkerFunctions   = []string{"bpf_iter_task", "bpf_rdonly_cast"}
	taskFileFunctions = []string{"bpf_iter_task_file"}
)

// ResolveLayout finds the layout in the kernel's type information, with the BTF ids of some functions.
func ResolveLayout(vmlinux []byte, functions []string) (*Layout, error) {
	types, err := btf.Parse(vmlinux, structures, functions)
	if err != nil {
		return nil, err
	}
	r := resolver{types: types}
	l := r.layout()
	if r.missing != "" {
		return nil, fmt.Errorf("sockiter: this kernel's types have no %s", r.missing)
	}
	return l, nil
}

// resolver looks members up and remembers the first that is missing.
type resolver struct {
	types   *btf.Types
	missing string
}

func (r *resolver) layout() *Layout {
	l := new(Layout)
	l.iterTask, _ = r.types.ID("bpf_iter_task")
	l.iterTaskFile, _ = r.types.ID("bpf_iter_task_file")
	l.rdonlyCast, _ = r.types.ID("bpf_rdonly_cast")
	l.ptRegs, _ = r.types.ID("pt_regs")
	l.sock, _ = r.types.ID("sock")
	l.tcpSock, _ = r.types.ID("tcp_sock")
	l.taskStruct, _ = r.types.ID("task_struct")
	r.processes(l)
	r.sockets(&l.sk)
	r.tcp(&l.tcp)
	r.inode(l)
	l.netInum = r.at("net", "ns", "inum")
	l.cgroupKn = r.at("cgroup", "kn")
	l.kernfsNodeID = r.at("kernfs_node", "id")
	l.halfOpen = r.at("inet_connection_sock", "icsk_accept_queue", "qlen")
	l.mptcpFirst = r.optional("mptcp_sock", "first")
	l.udpDeficit = r.optional("udp_sock", "forward_deficit")
	return l
}

func (r *resolver) processes(l *Layout) {
	l.task = taskLayout{
		pid: r.at("task_struct", "pid"), tgid: r.at("task_struct", "tgid"), comm: r.at("task_struct", "comm"),
		files: r.at("task_struct", "files"), leader: r.at("task_struct", "group_leader"),
		start: r.optional("task_struct", "start_boottime"),
	}
	if l.task.start < 0 { // its name before Linux 5.5
		l.task.start = r.at("task_struct", "real_start_time")
	}
	l.files.fdt = r.at("files_struct", "fdt")
	l.files.fd, l.files.maxFDs = r.at("fdtable", "fd"), r.at("fdtable", "max_fds")
	l.file.op, l.file.private = r.at("file", "f_op"), r.at("file", "private_data")
	l.socketSk = r.at("socket", "sk")
}

func (r *resolver) sockets(s *sockLayout) {
	common := func(m ...string) int { return r.at("sock", append([]string{"__sk_common"}, m...)...) }
	*s = sockLayout{
		family: common("skc_family"), state: common("skc_state"), num: common("skc_num"), dport: common("skc_dport"),
		daddr: common("skc_daddr"), saddr: common("skc_rcv_saddr"), daddr6: common("skc_v6_daddr"),
		saddr6: common("skc_v6_rcv_saddr"), cookie: common("skc_cookie"), iface: common("skc_bound_dev_if"),
		net: common("skc_net", "net"), proto: r.at("sock", "sk_protocol"), typ: r.at("sock", "sk_type"),
		uid: r.at("sock", "sk_uid"), socket: r.at("sock", "sk_socket"), backlog: r.at("sock", "sk_ack_backlog"),
		maxBacklog: r.at("sock", "sk_max_ack_backlog"), rmem: r.at("sock", "sk_backlog", "rmem_alloc"),
		wmem: r.at("sock", "sk_wmem_alloc"), cgroup: r.at("sock", "sk_cgrp_data", "cgroup"),
		ino: r.optional("sock", "sk_ino"),
	}
}

func (r *resolver) tcp(t *tcpLayout) {
	at := func(m string) int { return r.at("tcp_sock", m) }
	*t = tcpLayout{
		acked: at("bytes_acked"), received: at("bytes_received"), srtt: at("srtt_us"), retrans: at("total_retrans"),
		cwnd: at("snd_cwnd"), una: at("snd_una"), written: at("write_seq"), copied: at("copied_seq"), next: at("rcv_nxt"),
		sent: at("bytes_sent"), resent: at("bytes_retrans"), caState: r.at("inet_connection_sock", "icsk_ca_state"),
	}
}

func (r *resolver) inode(l *Layout) {
	if l.hasSkIno = l.sk.ino >= 0; !l.hasSkIno {
		r.inodeBeside(l)
	}
}

func (r *resolver) inodeBeside(l *Layout) {
	l.socketInode = r.at("socket_alloc", "vfs_inode") - r.at("socket_alloc", "socket") + r.at("inode", "i_ino")
}

func (r *resolver) at(structure string, path ...string) int {
	off := r.optional(structure, path...)
	if off < 0 && r.missing == "" {
		r.missing = fmt.Sprintf("%s.%s", structure, path[len(path)-1])
	}
	return max(off, 0)
}

// optional is -1 where the kernel has no such member.
func (r *resolver) optional(structure string, path ...string) int {
	id, ok := r.types.ID(structure)
	if !ok {
		return -1
	}
	off, ok := r.types.Offset(id, path...)
	if !ok {
		return -1
	}
	return off
}
