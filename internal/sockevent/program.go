package sockevent

import (
	"unsafe"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// Helpers of the kernel, by their number in enum bpf_func_id. The youngest here is bpf_get_socket_cookie, which programs
// on tracepoints may call from Linux 5.12.
const (
	helperMapLookup          = 1
	helperMapUpdate          = 2
	helperPIDTGID            = 14 // bpf_get_current_pid_tgid
	helperCurrentTask        = 35 // bpf_get_current_task
	helperSocketCookie       = 46 // bpf_get_socket_cookie
	helperProbeRead          = 113
	helperBootTime           = 125 // bpf_ktime_get_boot_ns
	helperRingReserve        = 131
	helperRingSubmit         = 132
	helperToTCP              = 137 // bpf_skc_to_tcp_sock
	ringNoWakeup             = 1   // BPF_RB_NO_WAKEUP
	mapNoExist               = 1   // BPF_NOEXIST
	kernelThread             = 0x00200000
	sockDead                 = 1 << 0 // SOCK_DEAD of enum sock_flags: an orphan
	sockDoneBit              = 1      // SOCK_DONE: the peer's FIN was received
	negative           int32 = -1 << 31
	msgUncounted             = 0x2 | 0x2000 // MSG_PEEK, MSG_ERRQUEUE
	afPacket                 = 17
	ptRegsSize               = 144 // or more, on every architecture that has these programs
)

// The context of a program: the tracepoint's arguments.
const (
	ctxSock = 0
	ctxOld  = 8
	ctxNew  = 16

	ctxLength = 8
	ctxFlags  = 16
)

// Where the programs store the members of a Record.
const (
	recTime       = int(unsafe.Offsetof(Record{}.Time))
	recCookie     = int(unsafe.Offsetof(Record{}.Cookie))
	recStart      = int(unsafe.Offsetof(Record{}.Start))
	recLocal      = int(unsafe.Offsetof(Record{}.Local))
	recRemote     = int(unsafe.Offsetof(Record{}.Remote))
	recComm       = int(unsafe.Offsetof(Record{}.Comm))
	recNetNS      = int(unsafe.Offsetof(Record{}.NetNS))
	recInterface  = int(unsafe.Offsetof(Record{}.Interface))
	recPID        = int(unsafe.Offsetof(Record{}.PID))
	recUID        = int(unsafe.Offsetof(Record{}.UID))
	recLocalPort  = int(unsafe.Offsetof(Record{}.LocalPort))
	recRemotePort = int(unsafe.Offsetof(Record{}.RemotePort))
	recProto      = int(unsafe.Offsetof(Record{}.Proto))
	recKind       = int(unsafe.Offsetof(Record{}.Kind))
	recFamily     = int(unsafe.Offsetof(Record{}.Family))
	recOldState   = int(unsafe.Offsetof(Record{}.OldState))
	recNewState   = int(unsafe.Offsetof(Record{}.NewState))
	recOwned      = int(unsafe.Offsetof(Record{}.Owned))
	recKernel     = int(unsafe.Offsetof(Record{}.Kernel))
	recPad        = recKernel + 1
	recAcked      = int(unsafe.Offsetof(Record{}.Acked))
	recReceived   = int(unsafe.Offsetof(Record{}.Received))
	recSentOnce   = int(unsafe.Offsetof(Record{}.PayloadSent))
	recGot        = int(unsafe.Offsetof(Record{}.PayloadReceived))
	recRTT        = int(unsafe.Offsetof(Record{}.RTT))
	recRetrans    = int(unsafe.Offsetof(Record{}.Retrans))

	shortRecord = recAcked // a record without counts ends before them
	longRecord  = int(unsafe.Sizeof(Record{}))
)

// maps are what the programs write to.
type maps struct{ ring, lost, datagrams int }

// program assembles one program. Registers: R6 the context, R7 the sock, R8 the struct tcp_sock, R9 the record, which of
// a program that writes none is free. At the end of the stack lies the copy of the sock's first bytes.
//
// Members of plain types are read by typed loads, what lies in unions, arrays and behind pointers by probe: from Linux
// 6.2 a pointer can be cast to struct pt_regs, whose members are all long, and every load from it is a number. Before, it
// takes a call of bpf_probe_read_kernel, and with returns made slow against speculation these calls were half of what an
// event cost. Loads of typed pointers are avoided, because the verifier then searches all of the kernel's types by name,
// which takes milliseconds.
type program struct {
	bpf.Asm
	l   *layout
	cfg *Config
	m   maps
	// Where on the stack things lie.
	common, scratch int
}

func newProgram(l *layout, cfg *Config, m maps) *program {
	p := &program{l: l, cfg: cfg, m: m}
	p.common = -l.head()
	p.scratch = p.common - 16
	return p
}

// assembleState makes the program for inet_sock_set_state.
func assembleState(l *layout, cfg *Config, m maps) (*bpf.Program, error) {
	p := newProgram(l, cfg, m)
	p.Mov(bpf.R6, bpf.R1)
	p.Load(bpf.DW, bpf.R2, bpf.R6, ctxOld)
	p.Load(bpf.DW, bpf.R3, bpf.R6, ctxNew)
	p.wantedState()
	p.onlyTCP()
	p.Load(bpf.DW, bpf.R3, bpf.R6, ctxNew)
	p.JumpEqImm(bpf.R3, rawsock.Close, "closed")
	p.write(KindState, shortRecord)
	p.Jump("out")
	p.Label("closed")
	if !cfg.States {
		p.Load(bpf.DW, bpf.R1, bpf.R7, l.flags)
		p.JumpSetImm(bpf.R1, sockDead, "out")
	}
	p.write(KindState, longRecord)
	p.end()
	return p.Assemble("sockeye_state")
}

// wantedState leaves unless the change from R2 to R3 is wanted. A connection that comes in is a copy of its listener at
// first, without addresses and with a cookie that it will not keep: LISTEN -> SYN_RECV tells nothing.
func (p *program) wantedState() {
	p.JumpEq(bpf.R2, bpf.R3, "out")
	if p.cfg.States {
		p.JumpNeImm(bpf.R3, rawsock.SynRecv, "wanted")
		p.JumpEqImm(bpf.R2, rawsock.Listen, "out")
		p.Label("wanted")
		return
	}
	for _, s := range []int32{rawsock.SynSent, rawsock.Established, rawsock.Listen, rawsock.FinWait1, rawsock.LastAck} {
		p.JumpEqImm(bpf.R3, s, "wanted")
	}
	p.JumpNeImm(bpf.R3, rawsock.Close, "out")
	p.Label("wanted")
}

// assembleDestroy makes the program for tcp_destroy_sock.
func assembleDestroy(l *layout, cfg *Config, m maps) (*bpf.Program, error) {
	p := newProgram(l, cfg, m)
	p.Mov(bpf.R6, bpf.R1)
	p.onlyTCP()
	p.Load(bpf.H, bpf.R1, bpf.R8, l.sport)
	p.Load(bpf.H, bpf.R2, bpf.R7, l.dport)
	p.Or(bpf.R1, bpf.R2)
	p.JumpEqImm(bpf.R1, 0, "out")
	p.write(KindDestroy, longRecord)
	p.end()
	return p.Assemble("sockeye_destroy")
}

// onlyTCP makes R7 the sock and R8 its struct tcp_sock, and leaves if it has none.
func (p *program) onlyTCP() {
	p.Load(bpf.DW, bpf.R7, bpf.R6, ctxSock)
	p.Load(bpf.H, bpf.R1, bpf.R7, p.l.proto)
	p.JumpNeImm(bpf.R1, rawsock.ProtoTCP, "out")
	p.Mov(bpf.R1, bpf.R7)
	p.Call(helperToTCP)
	p.JumpEqImm(bpf.R0, 0, "out")
	p.Mov(bpf.R8, bpf.R0)
}

func (p *program) end() {
	p.Label("out")
	p.MovImm(bpf.R0, 0)
	p.Exit()
}

func (p *program) stack(r bpf.Reg, off int) {
	p.Mov(r, bpf.FP)
	p.AddImm(r, int32(off))
}

// copyCommon copies the head of the sock at R7 to the stack.
func (p *program) copyCommon() {
	p.Mov(bpf.R3, bpf.R7)
	p.probe(bpf.FP, p.common, p.l.head(), 0)
}

// namespace puts the inode of the sock's network namespace in the scratch word, and leaves if another is wanted.
func (p *program) namespace() {
	p.Load(bpf.DW, bpf.R3, bpf.FP, p.common+p.l.net)
	p.probe(bpf.FP, p.scratch, 4, p.l.netInum)
	if p.cfg.NetNS == 0 {
		return
	}
	p.Load(bpf.W, bpf.R1, bpf.FP, p.scratch)
	p.MovImm32(bpf.R2, p.cfg.NetNS)
	p.JumpNe(bpf.R1, bpf.R2, "out")
}

// probe copies n bytes at R3+from, 4 or a multiple of 8, to to+at.
func (p *program) probe(to bpf.Reg, at, n, from int) {
	if p.l.rdonlyCast == 0 || n > ptRegsSize {
		p.Mov(bpf.R1, to)
		p.AddImm(bpf.R1, int32(at))
		p.MovImm(bpf.R2, int32(n))
		p.AddImm(bpf.R3, int32(from))
		p.Call(helperProbeRead)
		return
	}
	p.Mov(bpf.R1, bpf.R3)
	if from != 0 { // the verifier lets no pointer be moved, and does not ask for it with 0
		p.AddImm(bpf.R1, int32(from))
	}
	p.MovImm(bpf.R2, int32(p.l.ptRegs))
	p.CallKfunc(p.l.rdonlyCast)
	if n == 4 {
		p.Load(bpf.W, bpf.R1, bpf.R0, 0)
		p.Store(bpf.W, to, at, bpf.R1)
	}
	for i := 0; i < n&^7; i += 8 {
		p.Load(bpf.DW, bpf.R1, bpf.R0, i)
		p.Store(bpf.DW, to, at+i, bpf.R1)
	}
}

// write sends a record of the sock in R7 and R8. One that finds no room is counted.
func (p *program) write(kind Kind, size int) {
	p.copyCommon()
	p.namespace()
	p.reserve(size)
	p.Call(helperBootTime)
	p.Store(bpf.DW, bpf.R9, recTime, bpf.R0)
	p.cookie()
	p.addresses(bpf.R9, 0)
	p.identity(bpf.R9, 0)
	p.states(kind)
	p.givenBack()
	p.owner()
	if size == longRecord {
		p.counts()
	}
	p.submit()
}

// cookie writes the socket's cookie, which it is given if it has none.
func (p *program) cookie() {
	given := p.Unique("cookie")
	p.Load(bpf.DW, bpf.R0, bpf.FP, p.common+p.l.cookie)
	p.JumpNeImm(bpf.R0, 0, given)
	p.Mov(bpf.R1, bpf.R7)
	p.Call(helperSocketCookie)
	p.Label(given)
	p.Store(bpf.DW, bpf.R9, recCookie, bpf.R0)
}

// reserve makes R9 a record of the ring.
func (p *program) reserve(size int) {
	room := p.Unique("room")
	p.LoadMap(bpf.R1, p.m.ring)
	p.MovImm(bpf.R2, int32(size))
	p.MovImm(bpf.R3, 0)
	p.Call(helperRingReserve)
	p.JumpNeImm(bpf.R0, 0, room)
	p.countLost()
	p.Jump("out")
	p.Label(room)
	p.Mov(bpf.R9, bpf.R0)
}

func (p *program) countLost() {
	p.LoadMapValue(bpf.R1, p.m.lost, 0)
	p.MovImm(bpf.R2, 1)
	p.AtomicAdd(bpf.DW, bpf.R1, 0, bpf.R2)
}

func (p *program) submit() {
	p.Mov(bpf.R1, bpf.R9)
	p.MovImm(bpf.R2, ringNoWakeup)
	p.Call(helperRingSubmit)
}

// addresses writes the addresses in the copied head to the Record at to+base.
func (p *program) addresses(to bpf.Reg, base int) {
	v6, done := p.Unique("v6"), p.Unique("addresses")
	p.Load(bpf.H, bpf.R1, bpf.FP, p.common+p.l.family)
	p.JumpEqImm(bpf.R1, rawsock.AFInet6, v6)
	for _, c := range []struct{ from, to int }{{p.l.saddr, recLocal}, {p.l.daddr, recRemote}} {
		p.Load(bpf.W, bpf.R2, bpf.FP, p.common+c.from)
		p.Store(bpf.W, to, base+c.to, bpf.R2)
		p.StoreImm(bpf.W, to, base+c.to+4, 0)
		p.StoreImm(bpf.DW, to, base+c.to+8, 0)
	}
	p.Jump(done)
	p.Label(v6)
	for i := 0; i < 16; i += 8 {
		for _, c := range []struct{ from, to int }{{p.l.saddr6, recLocal}, {p.l.daddr6, recRemote}} {
			p.Load(bpf.DW, bpf.R2, bpf.FP, p.common+c.from+i)
			p.Store(bpf.DW, to, base+c.to+i, bpf.R2)
		}
	}
	p.Label(done)
}

// identity writes what else the head and the sock in R7 tell.
func (p *program) identity(to bpf.Reg, base int) {
	p.ports(to, base)
	p.Load(bpf.W, bpf.R2, bpf.FP, p.common+p.l.iface)
	p.Store(bpf.W, to, base+recInterface, bpf.R2)
	p.Load(bpf.W, bpf.R2, bpf.FP, p.scratch)
	p.Store(bpf.W, to, base+recNetNS, bpf.R2)
	p.Load(bpf.H, bpf.R2, bpf.R7, p.l.proto)
	p.Store(bpf.H, to, base+recProto, bpf.R2)
	p.Load(bpf.W, bpf.R2, bpf.R7, p.l.uid)
	p.Store(bpf.W, to, base+recUID, bpf.R2)
}

func (p *program) ports(to bpf.Reg, base int) {
	p.Load(bpf.H, bpf.R2, bpf.FP, p.common+p.l.num)
	p.Store(bpf.H, to, base+recLocalPort, bpf.R2)
	p.Load(bpf.H, bpf.R2, bpf.FP, p.common+p.l.dport)
	p.Swap16(bpf.R2)
	p.Store(bpf.H, to, base+recRemotePort, bpf.R2)
}

// givenBack writes the port of a socket that has given it back by now; only inet_sock.inet_sport still tells it. Of a socket
// that connects anew that is its former one.
func (p *program) givenBack() {
	bound := p.Unique("bound")
	p.Load(bpf.H, bpf.R2, bpf.R9, recLocalPort)
	p.JumpNeImm(bpf.R2, 0, bound)
	p.Load(bpf.B, bpf.R2, bpf.R9, recNewState)
	p.JumpEqImm(bpf.R2, rawsock.SynSent, bound)
	p.Load(bpf.H, bpf.R2, bpf.R8, p.l.sport)
	p.Swap16(bpf.R2)
	p.Store(bpf.H, bpf.R9, recLocalPort, bpf.R2)
	p.Label(bound)
}

func (p *program) states(kind Kind) {
	p.StoreImm(bpf.B, bpf.R9, recKind, int32(kind))
	p.Load(bpf.H, bpf.R2, bpf.FP, p.common+p.l.family)
	p.Store(bpf.B, bpf.R9, recFamily, bpf.R2)
	p.StoreImm(bpf.W, bpf.R9, recOldState, 0) // and NewState, Owned, Kernel
	p.StoreImm(bpf.W, bpf.R9, recPad, 0)
	if kind != KindState {
		return
	}
	p.Load(bpf.DW, bpf.R2, bpf.R6, ctxOld)
	p.Store(bpf.B, bpf.R9, recOldState, bpf.R2)
	p.Load(bpf.DW, bpf.R2, bpf.R6, ctxNew)
	p.Store(bpf.B, bpf.R9, recNewState, bpf.R2)
}

// owner writes who works on the sock in R7. While a process does, it holds the socket's lock, and what packets and timers
// would change waits until it lets go. Where nobody holds the lock this runs in an interrupt, on top of any process: on
// loopback that is often the peer.
func (p *program) owner() {
	nobody, done := p.Unique("nobody"), p.Unique("owner")
	p.Load(bpf.W, bpf.R1, bpf.R7, p.l.owned)
	p.JumpEqImm(bpf.R1, 0, nobody)
	p.process(bpf.R9, 0)
	p.owned()
	p.Jump(done)
	p.Label(nobody)
	p.noProcess(bpf.R9, 0)
	p.Label(done)
}

// owned says of the record at R9 whether the process that is named in it is one.
func (p *program) owned() {
	kernel, done := p.Unique("kernel"), p.Unique("owned")
	p.Load(bpf.W, bpf.R2, bpf.R9, recPID)
	p.JumpEqImm(bpf.R2, 0, kernel)
	p.StoreImm(bpf.B, bpf.R9, recOwned, 1)
	p.Jump(done)
	p.Label(kernel)
	p.StoreImm(bpf.B, bpf.R9, recKernel, 1)
	p.Label(done)
}

// process writes the running process to the Record at to+base, or none if it is a thread of the kernel.
func (p *program) process(to bpf.Reg, base int) {
	user := p.Unique("user")
	p.Call(helperCurrentTask)
	p.Mov(bpf.R3, bpf.R0)
	p.probe(bpf.FP, p.scratch+8, 8, p.l.task.leader)
	p.leader(bpf.FP, p.scratch+4, 4, p.l.task.flags)
	p.Load(bpf.W, bpf.R1, bpf.FP, p.scratch+4)
	p.JumpSetImm(bpf.R1, kernelThread, user+".not")
	p.leader(to, base+recComm, 16, p.l.task.comm)
	p.leader(to, base+recStart, 8, p.l.task.start)
	p.leader(to, base+recPID, 4, p.l.task.tgid)
	p.Jump(user)
	p.Label(user + ".not")
	p.noProcess(to, base)
	p.Label(user)
}

func (p *program) noProcess(to bpf.Reg, base int) {
	for _, at := range []int{recStart, recComm, recComm + 8} {
		p.StoreImm(bpf.DW, to, base+at, 0)
	}
	p.StoreImm(bpf.W, to, base+recPID, 0)
}

// leader copies n bytes of the first thread's task_struct, whose address is in the scratch space, to to+at.
func (p *program) leader(to bpf.Reg, at, n, from int) {
	p.Load(bpf.DW, bpf.R3, bpf.FP, p.scratch+8)
	p.probe(to, at, n, from)
}

// counts writes what the struct tcp_sock in R8 counted. The number that a FIN takes in the sequence is in bytes_received;
// bytes_sent counts neither SYN nor FIN.
func (p *program) counts() {
	open := p.Unique("open")
	p.Load(bpf.DW, bpf.R2, bpf.R8, p.l.tcp.acked)
	p.Store(bpf.DW, bpf.R9, recAcked, bpf.R2)
	p.Load(bpf.DW, bpf.R2, bpf.R8, p.l.tcp.sent)
	p.Load(bpf.DW, bpf.R3, bpf.R8, p.l.tcp.resent)
	p.Sub(bpf.R2, bpf.R3)
	p.Store(bpf.DW, bpf.R9, recSentOnce, bpf.R2)
	p.Load(bpf.W, bpf.R2, bpf.R8, p.l.tcp.srtt)
	p.Rsh(bpf.R2, 3) // it is kept in eighths
	p.Store(bpf.W, bpf.R9, recRTT, bpf.R2)
	p.Load(bpf.W, bpf.R2, bpf.R8, p.l.tcp.retrans)
	p.Store(bpf.W, bpf.R9, recRetrans, bpf.R2)
	p.Load(bpf.DW, bpf.R2, bpf.R8, p.l.tcp.received)
	p.Store(bpf.DW, bpf.R9, recReceived, bpf.R2)
	p.JumpEqImm(bpf.R2, 0, open)
	p.Load(bpf.DW, bpf.R3, bpf.FP, p.common+p.l.flags)
	p.Rsh(bpf.R3, sockDoneBit)
	p.AndImm(bpf.R3, 1)
	p.Sub(bpf.R2, bpf.R3)
	p.Label(open)
	p.Store(bpf.DW, bpf.R9, recGot, bpf.R2)
}

// assemble makes the program for a tracepoint.
func assemble(l *layout, cfg *Config, m maps, point int) (*bpf.Program, error) {
	switch point {
	case pointState:
		return assembleState(l, cfg, m)
	case pointDestroy:
		return assembleDestroy(l, cfg, m)
	}
	return assembleLength(l, cfg, m, point == pointSend)
}
