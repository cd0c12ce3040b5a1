package sockiter

import (
	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// The control block: one array element of ctlSize bytes that this process and the walker share.
const (
	ctlCount = 0  // records written in this pass; beyond the array's size when it was too small
	ctlPID   = 8  // the process whose socket teaches the walker the address of socket_file_ops
	ctlOps   = 16 // that address; 0 while it is not known
	ctlFD    = 24 // the descriptor of that socket
	ctlNetNS = 32 // inode of the only network namespace that is wanted; 0 for all
	ctlFlags = 40
	ctlPorts = 64 // a bit for each local port that is wanted, with flagPorts
	ctlSize  = ctlPorts + 1<<16/8
)

// The flags in the control block.
const (
	flagPorts  = 1 << iota // only local ports whose bit is set
	flagUnix               // AF_UNIX too
	flagInfo               // TCP counters
	flagCgroup             // the socket's cgroup
)

// chunk is how many descriptors are looked at together. Their cache misses then overlap, which is most of the gain over
// one at a time.
const (
	chunkBits = 4
	chunk     = 1 << chunkBits
	maxChunks = 1 << 23 // bpf_loop's limit; times chunk more descriptors than a process can have
)

// The walker's context for one task, on the main program's stack.
const (
	ctxTable = 0  // address of the descriptor array
	ctxOps   = 8  // address of socket_file_ops
	ctxFlags = 16 // the control block's flags
	ctxMax   = 24 // size of the descriptor array
	ctxSpace = 32 // for what main needs besides: a Holder at ctxTable, a word here
	ctxSize  = 40
)

// Helpers of the kernel, by their number in enum bpf_func_id.
const (
	helperMapLookup  = 1
	helperProbeRead  = 113 // bpf_probe_read_kernel
	helperSeqWrite   = 127
	helperSkcToTCP   = 137 // bpf_skc_to_tcp_sock
	helperSockOfFile = 162 // bpf_sock_from_file
	helperLoop       = 181
)

// Offsets in the contexts of the iterators: struct bpf_iter__task and bpf_iter__task_file.
const (
	iterMeta = 0
	iterTask = 8
	iterFD   = 16
	iterFile = 24
	metaSeq  = 0
)

const typeStream = 1 // SOCK_STREAM: only such a socket with IPPROTO_TCP is a struct tcp_sock

// walker assembles the iter/task program: main calls step for each chunk of a descriptor table, which calls chunk, which
// calls record for each socket, and recheck after it. These are verified by themselves, once, whatever calls them.
// Registers:
//
//	main    R6 the iterator's context, R7 the task, R8 its files, then the first record's number, R9 the control block
//	chunk   R6 the first descriptor, R7 the flags, R8 what is found, R9 socket_file_ops
//	record  R6 the flags, R7 the record, R8 the sock's address, R9 the sock
type walker struct {
	bpf.Asm
	l         *Layout
	recs, ctl int
}

// assembleWalker makes the program for the array and the control block behind these descriptors.
func assembleWalker(l *Layout, recs, ctl int) (*bpf.Program, error) {
	w := &walker{l: l, recs: recs, ctl: ctl}
	w.main()
	w.step()
	w.chunk()
	w.record()
	w.recheck()
	return w.Assemble("sockeye_walk")
}

// cast makes R0 a pointer to a read-only structure at the address in R1. A cast to struct pt_regs, whose members are all
// long, makes every load a number; the verifier allows no arithmetic on pointers that it knows to be pointers.
func (w *walker) cast(structure uint32) {
	w.MovImm(bpf.R2, int32(structure))
	w.CallKfunc(w.l.rdonlyCast)
}

func (w *walker) main() {
	const ctx = -(ctxSize + 8)
	w.Mov(bpf.R6, bpf.R1)
	w.Load(bpf.DW, bpf.R7, bpf.R6, iterTask)
	w.JumpEqImm(bpf.R7, 0, "out")
	w.distrust()
	w.ownTable()
	w.LoadMapValue(bpf.R9, w.ctl, 0)
	w.Load(bpf.DW, bpf.R1, bpf.R9, ctlFlags)
	w.Store(bpf.DW, bpf.FP, ctx+ctxFlags, bpf.R1)
	w.Load(bpf.DW, bpf.R3, bpf.R8, w.l.files.fdt)
	w.Load(bpf.DW, bpf.R4, bpf.R3, w.l.files.fd)
	w.Load(bpf.W, bpf.R5, bpf.R3, w.l.files.maxFDs)
	w.Store(bpf.DW, bpf.FP, ctx+ctxTable, bpf.R4)
	w.Store(bpf.W, bpf.FP, ctx+ctxMax, bpf.R5)
	w.Load(bpf.DW, bpf.R1, bpf.R9, ctlOps)
	w.Store(bpf.DW, bpf.FP, ctx+ctxOps, bpf.R1)
	w.JumpNeImm(bpf.R1, 0, "walk")
	w.learn(ctx)
	w.Label("walk")
	w.walk(ctx)
	w.report(ctx)
	w.Label("out")
	w.MovImm(bpf.R0, 0)
	w.Exit()
}

// distrust makes R7 a plain pointer to the task. From one that the verifier trusts, every load of a pointer makes it search
// all of the kernel's types by name, which together took 6 ms.
func (w *walker) distrust() {
	w.Mov(bpf.R1, bpf.R7)
	w.cast(w.l.taskStruct)
	w.Mov(bpf.R7, bpf.R0)
}

// ownTable leaves when the task shares its descriptor table with its thread group's leader, who is visited too.
func (w *walker) ownTable() {
	w.Load(bpf.DW, bpf.R8, bpf.R7, w.l.task.files)
	w.JumpEqImm(bpf.R8, 0, "out")
	w.Load(bpf.W, bpf.R1, bpf.R7, w.l.task.pid)
	w.Load(bpf.W, bpf.R2, bpf.R7, w.l.task.tgid)
	w.JumpEq(bpf.R1, bpf.R2, "own")
	w.Load(bpf.DW, bpf.R3, bpf.R7, w.l.task.leader)
	w.Load(bpf.DW, bpf.R3, bpf.R3, w.l.task.files)
	w.JumpEq(bpf.R3, bpf.R8, "out")
	w.Label("own")
}

// learn reads f_op of a descriptor that is known to be a socket. The address is not in kallsyms.
func (w *walker) learn(ctx int) {
	w.Load(bpf.W, bpf.R2, bpf.R7, w.l.task.tgid)
	w.Load(bpf.DW, bpf.R1, bpf.R9, ctlPID)
	w.JumpNe(bpf.R1, bpf.R2, "out")
	w.Load(bpf.DW, bpf.R3, bpf.R9, ctlFD)
	w.Lsh(bpf.R3, 3)
	w.Add(bpf.R3, bpf.R4)
	w.stackArg(bpf.R1, ctx+ctxSpace)
	w.MovImm(bpf.R2, 8)
	w.Call(helperProbeRead)
	w.Load(bpf.DW, bpf.R1, bpf.FP, ctx+ctxSpace)
	w.cast(w.l.ptRegs)
	w.Load(bpf.DW, bpf.R1, bpf.R0, w.l.file.op)
	w.Store(bpf.DW, bpf.R9, ctlOps, bpf.R1)
	w.Jump("out")
}

func (w *walker) stackArg(r bpf.Reg, off int) {
	w.Mov(r, bpf.FP)
	w.AddImm(r, int32(off))
}

func (w *walker) walk(ctx int) {
	w.Store(bpf.DW, bpf.FP, ctx+ctxSpace, bpf.R8)
	w.Load(bpf.DW, bpf.R8, bpf.R9, ctlCount)
	w.MovImm(bpf.R1, maxChunks)
	w.LoadFunc(bpf.R2, "step")
	w.stackArg(bpf.R3, ctx)
	w.MovImm(bpf.R4, 0)
	w.Call(helperLoop)
}

// report writes a Holder if the task gave any record and still has its descriptor table: that of a task that is ending may
// have become another's. It overwrites the context, which is done with.
func (w *walker) report(ctx int) {
	w.Load(bpf.DW, bpf.R1, bpf.R7, w.l.task.files)
	w.Load(bpf.DW, bpf.R2, bpf.FP, ctx+ctxSpace)
	w.JumpNe(bpf.R1, bpf.R2, "out")
	w.Load(bpf.DW, bpf.R1, bpf.R9, ctlCount)
	w.JumpEq(bpf.R1, bpf.R8, "out")
	w.Store(bpf.W, bpf.FP, ctx+offFirst, bpf.R8)
	w.Store(bpf.W, bpf.FP, ctx+offLast, bpf.R1)
	storeTask(&w.Asm, w.l, bpf.R7, ctx)
	w.Load(bpf.DW, bpf.R1, bpf.R6, iterMeta)
	w.Load(bpf.DW, bpf.R1, bpf.R1, metaSeq)
	w.stackArg(bpf.R2, ctx)
	w.MovImm(bpf.R3, int32(holderSize))
	w.Call(helperSeqWrite)
}

// storeTask fills in the parts of a Holder at FP+at that name the task.
func storeTask(a *bpf.Asm, l *Layout, task bpf.Reg, at int) {
	a.Load(bpf.W, bpf.R2, task, l.task.pid)
	a.Store(bpf.W, bpf.FP, at+offTID, bpf.R2)
	a.Load(bpf.W, bpf.R2, task, l.task.tgid)
	a.Store(bpf.W, bpf.FP, at+offPID, bpf.R2)
	a.Load(bpf.DW, bpf.R3, task, l.task.leader)
	a.Load(bpf.DW, bpf.R2, bpf.R3, l.task.start)
	a.Store(bpf.DW, bpf.FP, at+offStart, bpf.R2)
	a.AddImm(bpf.R3, int32(l.task.comm))
	a.Mov(bpf.R1, bpf.FP)
	a.AddImm(bpf.R1, int32(at+offComm))
	a.MovImm(bpf.R2, 16)
	a.Call(helperProbeRead)
}

// step(i, ctx) has chunk number i looked at, and ends the loop behind the table's last.
func (w *walker) step() {
	w.Callback("step")
	w.Lsh(bpf.R1, chunkBits)
	w.Load(bpf.W, bpf.R3, bpf.R2, ctxMax)
	w.JumpGe(bpf.R1, bpf.R3, "step.end")
	w.Mov(bpf.R5, bpf.R2)
	w.Mov(bpf.R2, bpf.R1)
	w.Lsh(bpf.R1, 3)
	w.Load(bpf.DW, bpf.R3, bpf.R5, ctxTable)
	w.Add(bpf.R1, bpf.R3)
	w.Load(bpf.DW, bpf.R3, bpf.R5, ctxOps)
	w.Load(bpf.DW, bpf.R4, bpf.R5, ctxFlags)
	w.CallFunc("chunk")
	w.MovImm(bpf.R0, 0)
	w.Exit()
	w.Label("step.end")
	w.MovImm(bpf.R0, 1)
	w.Exit()
}

// chunk(address, first descriptor, socket_file_ops, flags) looks at the descriptors of one chunk, in passes: each loads one
// thing for all of them, so that its cache misses overlap, before the next needs it. The passes are written out, because
// a loop's own instructions would leave room for fewer misses at a time.
func (w *walker) chunk() {
	w.Global("chunk", 4)
	w.Mov(bpf.R6, bpf.R2)
	w.Mov(bpf.R7, bpf.R4)
	w.Mov(bpf.R9, bpf.R3)
	w.readFiles()
	w.keepSockets()
	w.JumpEqImm(bpf.R8, 0, "chunk.out")
	w.slots(w.l.ptRegs, func(slot int) {
		w.Load(bpf.DW, bpf.R3, bpf.R0, w.l.socketSk)
		w.Store(bpf.DW, bpf.FP, slot, bpf.R3)
	})
	w.touch()
	for i := range chunk {
		next := w.Unique("next")
		w.Load(bpf.DW, bpf.R1, bpf.FP, slotAt(i))
		w.JumpEqImm(bpf.R1, 0, next)
		w.Mov(bpf.R2, bpf.R6)
		w.AddImm(bpf.R2, int32(i))
		w.Mov(bpf.R3, bpf.R7)
		w.CallFunc("record")
		w.JumpEqImm(bpf.R0, 0, next)
		w.Load(bpf.DW, bpf.R1, bpf.FP, tableAt)
		w.AddImm(bpf.R1, int32(8*i))
		w.Load(bpf.DW, bpf.R2, bpf.FP, heldAt(i))
		w.CallFunc("recheck")
		w.Label(next)
	}
	w.Label("chunk.out")
	w.MovImm(bpf.R0, 0)
	w.Exit()
}

// recheck(address, file) forgets the last record when the descriptor at the address does not refer to the same file any
// more: between the first look and the last the file may have been closed, and its memory or its socket's be another
// process's by then.
func (w *walker) recheck() {
	w.Global("recheck", 2)
	w.Mov(bpf.R6, bpf.R2)
	w.cast(w.l.ptRegs)
	w.Load(bpf.DW, bpf.R1, bpf.R0, 0)
	w.JumpEq(bpf.R1, bpf.R6, "held")
	w.LoadMapValue(bpf.R1, w.ctl, 0)
	w.Load(bpf.DW, bpf.R2, bpf.R1, ctlCount)
	w.AddImm(bpf.R2, -1)
	w.Store(bpf.DW, bpf.R1, ctlCount, bpf.R2)
	w.Label("held")
	w.MovImm(bpf.R0, 0)
	w.Exit()
}

// The stack of chunk: what becomes of each descriptor's file, the files themselves, and where they were read.
const tableAt = -8 * (2*chunk + 1)

func slotAt(i int) int { return 8 * (i - chunk) }
func heldAt(i int) int { return 8 * (i - 2*chunk) }

// slots emits the body once for each descriptor of the chunk, with R0 the slot's pointer cast to a structure.
func (w *walker) slots(structure uint32, body func(slot int)) {
	for i := range chunk {
		w.Load(bpf.DW, bpf.R1, bpf.FP, slotAt(i))
		w.cast(structure)
		body(slotAt(i))
	}
}

// readFiles copies the chunk's struct file pointers into the slots, and keeps a copy. The table has a multiple of 64 entries.
func (w *walker) readFiles() {
	w.Store(bpf.DW, bpf.FP, tableAt, bpf.R1)
	w.Mov(bpf.R3, bpf.R1)
	w.stackArg(bpf.R1, slotAt(0))
	w.MovImm(bpf.R2, 8*chunk)
	w.Call(helperProbeRead)
	for i := range chunk {
		w.Load(bpf.DW, bpf.R1, bpf.FP, slotAt(i))
		w.Store(bpf.DW, bpf.FP, heldAt(i), bpf.R1)
	}
}

// keepSockets replaces each file by its struct socket, or by 0 when it is not one, without a branch. R8 becomes the OR of
// all of them.
func (w *walker) keepSockets() {
	w.MovImm(bpf.R8, 0)
	w.slots(w.l.ptRegs, func(slot int) {
		w.Load(bpf.DW, bpf.R3, bpf.R0, w.l.file.op)
		w.Load(bpf.DW, bpf.R4, bpf.R0, w.l.file.private)
		w.Xor(bpf.R3, bpf.R9) // 0 for a socket
		w.Mov(bpf.R5, bpf.R3)
		w.Neg(bpf.R5)
		w.Or(bpf.R3, bpf.R5) // the top bit is set unless R3 was 0
		w.Rsh(bpf.R3, 63)
		w.AddImm(bpf.R3, -1) // all bits for a socket, none otherwise
		w.And(bpf.R4, bpf.R3)
		w.Store(bpf.DW, bpf.FP, slot, bpf.R4)
		w.Or(bpf.R8, bpf.R4)
	})
}

// touch loads one word of each cache line that record will want. Where only some ports are wanted, most sockets are
// dropped after a look at their port.
func (w *walker) touch() {
	k, t := &w.l.sk, &w.l.tcp
	loaded := map[int]bool{}
	w.touchLines(loaded, w.l.ptRegs, k.num)
	w.JumpSetImm(bpf.R7, flagPorts, "touched")
	w.touchLines(loaded, w.l.ptRegs, k.cookie, k.net, k.family)
	w.touchLines(loaded, w.l.sock, k.proto, k.uid, max(k.ino, 0))
	w.touchLines(loaded, w.l.tcpSock, t.next, t.copied, t.written, t.una)
	w.JumpSetImm(bpf.R7, flagInfo, "counters")
	w.Jump("touched")
	w.Label("counters")
	w.touchLines(loaded, w.l.tcpSock, t.acked, t.received, t.srtt, t.retrans, t.cwnd, t.sent, t.resent, t.caState)
	w.Label("touched")
}

const cacheLine = 64 // bytes; sockets are aligned to it

// touchLines loads from those of the offsets whose cache line has not been loaded yet.
func (w *walker) touchLines(loaded map[int]bool, structure uint32, offsets ...int) {
	var at []int
	for _, off := range offsets {
		if line := off / cacheLine; !loaded[line] {
			loaded[line] = true
			at = append(at, off)
		}
	}
	if len(at) == 0 {
		return
	}
	w.slots(structure, func(int) {
		for _, off := range at {
			w.Load(bpf.H, bpf.R3, bpf.R0, off)
		}
	})
}

// record(sk, fd, flags) writes the record of a descriptor, if its socket is wanted, and returns whether it did.
func (w *walker) record() {
	w.Global("record", 3)
	w.Mov(bpf.R8, bpf.R1)
	w.Store(bpf.DW, bpf.FP, recordFD, bpf.R2)
	w.Mov(bpf.R6, bpf.R3)
	w.cast(w.l.ptRegs)
	w.Mov(bpf.R9, bpf.R0)
	w.wanted()
	w.newRecord()
	w.addresses()
	w.Mov(bpf.R1, bpf.R8)
	w.cast(w.l.sock)
	w.Mov(bpf.R9, bpf.R0)
	w.identity()
	w.queues()
	w.Label("record.out")
	w.MovImm(bpf.R0, 1)
	w.Exit()
	w.Label("record.skip")
	w.MovImm(bpf.R0, 0)
	w.Exit()
}

// The stack of record.
const (
	recordIndex  = -4
	recordFamily = -16
	recordFD     = -24
	recordNetNS  = -32
)

// wanted leaves for the next descriptor unless the socket passes the control block's filters.
func (w *walker) wanted() {
	w.Load(bpf.H, bpf.R1, bpf.R9, w.l.sk.family)
	w.Store(bpf.DW, bpf.FP, recordFamily, bpf.R1)
	w.JumpEqImm(bpf.R1, rawsock.AFInet, "inet")
	w.JumpEqImm(bpf.R1, rawsock.AFInet6, "inet")
	w.JumpNeImm(bpf.R1, rawsock.AFUnix, "record.skip")
	w.JumpSetImm(bpf.R6, flagUnix, "netns")
	w.Jump("record.skip")
	w.Label("inet")
	w.Load(bpf.H, bpf.R2, bpf.R9, w.l.sk.num)
	w.JumpEqImm(bpf.R2, 0, "record.skip") // neither bound nor connected
	w.JumpSetImm(bpf.R6, flagPorts, "ports")
	w.Jump("netns")
	w.Label("ports")
	w.LoadMapValue(bpf.R3, w.ctl, ctlPorts)
	w.Mov(bpf.R4, bpf.R2)
	w.Rsh(bpf.R4, 6)
	w.AndImm(bpf.R4, 1<<16/64-1)
	w.Lsh(bpf.R4, 3)
	w.Add(bpf.R3, bpf.R4)
	w.Load(bpf.DW, bpf.R3, bpf.R3, 0)
	w.AndImm(bpf.R2, 63)
	w.RshReg(bpf.R3, bpf.R2)
	w.AndImm(bpf.R3, 1)
	w.JumpEqImm(bpf.R3, 0, "record.skip")
	w.Label("netns")
	w.namespace()
	w.protocol()
}

func (w *walker) namespace() {
	w.Mov(bpf.R1, bpf.R8)
	w.cast(w.l.sock)
	w.Load(bpf.DW, bpf.R1, bpf.R0, w.l.sk.net)
	w.Load(bpf.W, bpf.R1, bpf.R1, w.l.netInum)
	w.Store(bpf.DW, bpf.FP, recordNetNS, bpf.R1)
	w.LoadMapValue(bpf.R2, w.ctl, 0)
	w.Load(bpf.DW, bpf.R2, bpf.R2, ctlNetNS)
	w.JumpEqImm(bpf.R2, 0, "anyns")
	w.JumpNe(bpf.R1, bpf.R2, "record.skip")
	w.Label("anyns")
}

// protocol keeps TCP, UDP and MPTCP, and every Unix socket. R0 is the struct sock.
func (w *walker) protocol() {
	w.Load(bpf.DW, bpf.R2, bpf.FP, recordFamily)
	w.JumpEqImm(bpf.R2, rawsock.AFUnix, "take")
	w.Load(bpf.H, bpf.R1, bpf.R0, w.l.sk.proto)
	w.JumpEqImm(bpf.R1, rawsock.ProtoTCP, "take")
	w.JumpEqImm(bpf.R1, rawsock.ProtoUDP, "take")
	w.JumpNeImm(bpf.R1, rawsock.ProtoMPTCP, "record.skip")
	w.Label("take")
}

// newRecord makes R7 the next record of the array. The count goes on when the array is full, so that the reader sees by
// how much.
func (w *walker) newRecord() {
	w.LoadMapValue(bpf.R1, w.ctl, 0)
	w.Load(bpf.DW, bpf.R2, bpf.R1, ctlCount)
	w.Store(bpf.W, bpf.FP, recordIndex, bpf.R2)
	w.AddImm(bpf.R2, 1)
	w.Store(bpf.DW, bpf.R1, ctlCount, bpf.R2)
	w.LoadMap(bpf.R1, w.recs)
	w.Mov(bpf.R2, bpf.FP)
	w.AddImm(bpf.R2, recordIndex)
	w.Call(helperMapLookup)
	w.JumpEqImm(bpf.R0, 0, "record.skip")
	w.Mov(bpf.R7, bpf.R0)
}

// addresses copies what struct sock_common holds. R9 is the sock as numbers.
func (w *walker) addresses() {
	s := &w.l.sk
	w.Load(bpf.DW, bpf.R1, bpf.FP, recordFamily)
	w.Store(bpf.B, bpf.R7, recFamily, bpf.R1)
	w.JumpEqImm(bpf.R1, rawsock.AFInet6, "v6")
	w.JumpEqImm(bpf.R1, rawsock.AFUnix, "unix")
	w.Load(bpf.W, bpf.R2, bpf.R9, s.saddr)
	w.Store(bpf.DW, bpf.R7, recLocal, bpf.R2)
	w.StoreImm(bpf.DW, bpf.R7, recLocal+8, 0)
	w.Load(bpf.W, bpf.R2, bpf.R9, s.daddr)
	w.Store(bpf.DW, bpf.R7, recRemote, bpf.R2)
	w.StoreImm(bpf.DW, bpf.R7, recRemote+8, 0)
	w.Jump("ports.copy")
	w.Label("v6")
	for i := 0; i < 16; i += 8 {
		w.Load(bpf.DW, bpf.R2, bpf.R9, s.saddr6+i)
		w.Store(bpf.DW, bpf.R7, recLocal+i, bpf.R2)
		w.Load(bpf.DW, bpf.R2, bpf.R9, s.daddr6+i)
		w.Store(bpf.DW, bpf.R7, recRemote+i, bpf.R2)
	}
	w.Jump("ports.copy")
	w.Label("unix")
	for at := recLocal; at < recCookie; at += 8 {
		w.StoreImm(bpf.DW, bpf.R7, at, 0)
	}
	w.StoreImm(bpf.W, bpf.R7, recLocalPort, 0) // and the remote one
	w.StoreImm(bpf.W, bpf.R7, recInterface, 0)
	w.Jump("common")
	w.Label("ports.copy")
	w.Load(bpf.H, bpf.R2, bpf.R9, s.num)
	w.Store(bpf.H, bpf.R7, recLocalPort, bpf.R2)
	w.Load(bpf.H, bpf.R2, bpf.R9, s.dport)
	w.Swap16(bpf.R2)
	w.Store(bpf.H, bpf.R7, recRemotePort, bpf.R2)
	w.Load(bpf.W, bpf.R2, bpf.R9, s.iface)
	w.Store(bpf.W, bpf.R7, recInterface, bpf.R2)
	w.Label("common")
	w.Load(bpf.DW, bpf.R2, bpf.R9, s.cookie)
	w.Store(bpf.DW, bpf.R7, recCookie, bpf.R2)
	w.Load(bpf.B, bpf.R2, bpf.R9, s.state)
	w.Store(bpf.B, bpf.R7, recState, bpf.R2)
}

// identity copies what says whose socket it is. R9 is the struct sock.
func (w *walker) identity() {
	for _, c := range []struct {
		at   int
		slot int
	}{{recFD, recordFD}, {recNetNS, recordNetNS}} {
		w.Load(bpf.DW, bpf.R2, bpf.FP, c.slot)
		w.Store(bpf.W, bpf.R7, c.at, bpf.R2)
	}
	w.Load(bpf.W, bpf.R2, bpf.R9, w.l.sk.uid)
	w.Store(bpf.W, bpf.R7, recUID, bpf.R2)
	w.inode()
	w.StoreImm(bpf.DW, bpf.R7, recCgroup, 0)
	w.JumpSetImm(bpf.R6, flagCgroup, "cgroup")
	w.Jump("nocgroup")
	w.Label("cgroup")
	w.Load(bpf.DW, bpf.R2, bpf.R9, w.l.sk.cgroup)
	w.Load(bpf.DW, bpf.R2, bpf.R2, w.l.cgroupKn)
	w.Load(bpf.DW, bpf.R2, bpf.R2, w.l.kernfsNodeID)
	w.Store(bpf.DW, bpf.R7, recCgroup, bpf.R2)
	w.Label("nocgroup")
}

func (w *walker) inode() {
	if w.l.hasSkIno {
		w.Load(bpf.DW, bpf.R2, bpf.R9, w.l.sk.ino)
		w.Store(bpf.W, bpf.R7, recInode, bpf.R2)
		return
	}
	w.Mov(bpf.R1, bpf.R8)
	w.AddImm(bpf.R1, int32(w.l.sk.socket))
	w.cast(w.l.ptRegs)
	w.Load(bpf.DW, bpf.R1, bpf.R0, 0)
	w.AddImm(bpf.R1, int32(w.l.socketInode))
	w.cast(w.l.ptRegs)
	w.Load(bpf.DW, bpf.R2, bpf.R0, 0)
	w.Store(bpf.W, bpf.R7, recInode, bpf.R2)
}

// queues copies the queue lengths, as sock_diag computes them, and the TCP counters. R9 is the struct sock.
func (w *walker) queues() {
	for _, at := range []int{recSent, recReceived, recRecvQ, recRTT} { // and the 4 bytes behind the last two
		w.StoreImm(bpf.DW, bpf.R7, at, 0)
	}
	w.StoreImm(bpf.W, bpf.R7, recCwnd, 0)
	w.StoreImm(bpf.DW, bpf.R7, recPayload, 0)
	w.StoreImm(bpf.DW, bpf.R7, recCAState, 0)
	w.StoreImm(bpf.H, bpf.R7, recProto, 0)
	w.Load(bpf.DW, bpf.R1, bpf.FP, recordFamily)
	w.JumpEqImm(bpf.R1, rawsock.AFUnix, "record.out")
	w.Load(bpf.H, bpf.R4, bpf.R9, w.l.sk.proto)
	w.Store(bpf.H, bpf.R7, recProto, bpf.R4)
	w.JumpEqImm(bpf.R4, rawsock.ProtoUDP, "udp")
	w.Load(bpf.B, bpf.R3, bpf.R7, recState)
	w.JumpEqImm(bpf.R3, rawsock.Listen, "listen")
	w.JumpNeImm(bpf.R4, rawsock.ProtoTCP, "record.out")
	w.Load(bpf.H, bpf.R3, bpf.R9, w.l.sk.typ)
	w.JumpNeImm(bpf.R3, typeStream, "record.out")
	w.Mov(bpf.R1, bpf.R8)
	w.cast(w.l.tcpSock)
	storeTCP(&w.Asm, w.l, bpf.R7, 0)
	w.JumpSetImm(bpf.R6, flagInfo, "info")
	w.Jump("record.out")
	w.Label("info")
	storeTCPInfo(&w.Asm, w.l, bpf.R7, 0)
	w.Jump("record.out")
	w.Label("listen")
	storeBacklog(&w.Asm, w.l, bpf.R9, bpf.R7, 0)
	w.halfOpen()
	w.Jump("record.out")
	w.Label("udp")
	storeUDP(&w.Asm, w.l, bpf.R9, bpf.R7, 0)
	if w.l.udpDeficit >= 0 {
		w.Mov(bpf.R1, bpf.R8)
		w.AddImm(bpf.R1, int32(w.l.udpDeficit))
		w.cast(w.l.ptRegs)
		w.Load(bpf.W, bpf.R3, bpf.R0, 0)
		w.Load(bpf.W, bpf.R2, bpf.R7, recRecvQ)
		w.Sub32(bpf.R2, bpf.R3)
		w.Store(bpf.W, bpf.R7, recRecvQ, bpf.R2)
	}
}

// halfOpen copies how many connections of a listener are half open. Those of an MPTCP listener, R4 its protocol, are with
// its first subflow.
func (w *walker) halfOpen() {
	w.Mov(bpf.R1, bpf.R8)
	if w.l.mptcpFirst >= 0 {
		w.JumpEqImm(bpf.R4, rawsock.ProtoTCP, "plain")
		w.AddImm(bpf.R1, int32(w.l.mptcpFirst))
		w.cast(w.l.ptRegs)
		w.Load(bpf.DW, bpf.R1, bpf.R0, 0)
		w.Label("plain")
	}
	w.AddImm(bpf.R1, int32(w.l.halfOpen))
	w.cast(w.l.ptRegs)
	w.Load(bpf.W, bpf.R2, bpf.R0, 0)
	w.Store(bpf.W, bpf.R7, recCwnd, bpf.R2)
}
