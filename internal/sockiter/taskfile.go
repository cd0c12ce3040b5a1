package sockiter

import (
	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// taskFile assembles the iter/task_file program, which the kernel calls for every descriptor of every process. It has no
// map and takes no wishes: it reports every TCP, UDP and Unix socket of every namespace, so that many may read it at once.
//
// Its pointers are typed, as older kernels demand. Registers: R6 the iterator's context, R7 the sock, R8 the task.
type taskFile struct {
	bpf.Asm
	l *Layout
}

// The record is built on the stack.
const (
	fileAt   = -fileRecordSize
	recordAt = fileAt + holderSize
)

func assembleTaskFile(l *Layout) (*bpf.Program, error) {
	t := &taskFile{l: l}
	t.find()
	for at := fileAt; at < 0; at += 8 {
		t.StoreImm(bpf.DW, bpf.FP, at, 0)
	}
	storeTask(&t.Asm, l, bpf.R8, fileAt)
	t.identity()
	t.addresses()
	t.queues()
	t.Label("write")
	t.Load(bpf.DW, bpf.R1, bpf.R6, iterMeta)
	t.Load(bpf.DW, bpf.R1, bpf.R1, metaSeq)
	t.Mov(bpf.R2, bpf.FP)
	t.AddImm(bpf.R2, int32(fileAt))
	t.MovImm(bpf.R3, int32(fileRecordSize))
	t.Call(helperSeqWrite)
	t.Label("out")
	t.MovImm(bpf.R0, 0)
	t.Exit()
	return t.Assemble("sockeye_files")
}

// find makes R7 the sock behind the descriptor, and leaves where there is none that is wanted.
func (t *taskFile) find() {
	t.Mov(bpf.R6, bpf.R1)
	t.Load(bpf.DW, bpf.R8, bpf.R6, iterTask)
	t.JumpEqImm(bpf.R8, 0, "out")
	t.Load(bpf.DW, bpf.R1, bpf.R6, iterFile)
	t.JumpEqImm(bpf.R1, 0, "out")
	t.Call(helperSockOfFile)
	t.JumpEqImm(bpf.R0, 0, "out")
	t.Load(bpf.DW, bpf.R7, bpf.R0, t.l.socketSk)
	t.JumpEqImm(bpf.R7, 0, "out")
	t.Load(bpf.H, bpf.R1, bpf.R7, t.l.sk.family)
	t.JumpEqImm(bpf.R1, rawsock.AFUnix, "take")
	t.JumpEqImm(bpf.R1, rawsock.AFInet, "inet")
	t.JumpNeImm(bpf.R1, rawsock.AFInet6, "out")
	t.Label("inet")
	t.Load(bpf.H, bpf.R1, bpf.R7, t.l.sk.num)
	t.JumpEqImm(bpf.R1, 0, "out")
	t.Load(bpf.H, bpf.R1, bpf.R7, t.l.sk.proto)
	t.JumpEqImm(bpf.R1, rawsock.ProtoTCP, "take")
	t.JumpEqImm(bpf.R1, rawsock.ProtoUDP, "take")
	t.JumpNeImm(bpf.R1, rawsock.ProtoMPTCP, "out")
	t.Label("take")
}

func (t *taskFile) copy(w bpf.Width, from, to int) {
	t.Load(w, bpf.R2, bpf.R7, from)
	t.Store(w, bpf.FP, recordAt+to, bpf.R2)
}

func (t *taskFile) identity() {
	s := &t.l.sk
	t.Load(bpf.W, bpf.R2, bpf.R6, iterFD)
	t.Store(bpf.W, bpf.FP, recordAt+recFD, bpf.R2)
	t.copy(bpf.W, s.uid, recUID)
	t.Load(bpf.H, bpf.R2, bpf.R7, s.family)
	t.Store(bpf.B, bpf.FP, recordAt+recFamily, bpf.R2)
	t.Load(bpf.B, bpf.R2, bpf.R7, s.state)
	t.Store(bpf.B, bpf.FP, recordAt+recState, bpf.R2)
	t.probe(8, s.cookie, recCookie)
	t.Load(bpf.DW, bpf.R2, bpf.R7, s.net)
	t.Load(bpf.W, bpf.R2, bpf.R2, t.l.netInum)
	t.Store(bpf.W, bpf.FP, recordAt+recNetNS, bpf.R2)
	t.Load(bpf.DW, bpf.R2, bpf.R7, s.cgroup)
	t.Load(bpf.DW, bpf.R2, bpf.R2, t.l.cgroupKn)
	t.Load(bpf.DW, bpf.R2, bpf.R2, t.l.kernfsNodeID)
	t.Store(bpf.DW, bpf.FP, recordAt+recCgroup, bpf.R2)
	t.inode()
}

// probe copies bytes of the sock that have no plain type (unions, arrays, atomics).
func (t *taskFile) probe(n int32, from, to int) {
	t.Mov(bpf.R1, bpf.FP)
	t.AddImm(bpf.R1, int32(recordAt+to))
	t.MovImm(bpf.R2, n)
	t.Mov(bpf.R3, bpf.R7)
	t.AddImm(bpf.R3, int32(from))
	t.Call(helperProbeRead)
}

func (t *taskFile) inode() {
	if t.l.hasSkIno {
		t.probe(4, t.l.sk.ino, recInode) // its lower half: numbers of socket inodes have 32 bits
		return
	}
	t.Load(bpf.DW, bpf.R3, bpf.R7, t.l.sk.socket)
	t.AddImm(bpf.R3, int32(t.l.socketInode))
	t.Mov(bpf.R1, bpf.FP)
	t.AddImm(bpf.R1, int32(recordAt+recInode))
	t.MovImm(bpf.R2, 4)
	t.Call(helperProbeRead)
}

func (t *taskFile) addresses() {
	s := &t.l.sk
	t.Load(bpf.H, bpf.R1, bpf.R7, s.family)
	t.JumpEqImm(bpf.R1, rawsock.AFUnix, "write")
	t.JumpEqImm(bpf.R1, rawsock.AFInet6, "v6")
	t.probe(4, s.saddr, recLocal)
	t.probe(4, s.daddr, recRemote)
	t.Jump("ports")
	t.Label("v6")
	t.probe(16, s.saddr6, recLocal)
	t.probe(16, s.daddr6, recRemote)
	t.Label("ports")
	t.copy(bpf.H, s.num, recLocalPort)
	t.Load(bpf.H, bpf.R2, bpf.R7, s.dport)
	t.Swap16(bpf.R2)
	t.Store(bpf.H, bpf.FP, recordAt+recRemotePort, bpf.R2)
	t.copy(bpf.W, s.iface, recInterface)
	t.copy(bpf.H, s.proto, recProto)
}

func (t *taskFile) queues() {
	t.Load(bpf.H, bpf.R1, bpf.R7, t.l.sk.proto)
	t.JumpEqImm(bpf.R1, rawsock.ProtoUDP, "udp")
	t.Load(bpf.B, bpf.R1, bpf.R7, t.l.sk.state)
	t.JumpEqImm(bpf.R1, rawsock.Listen, "listen")
	t.Mov(bpf.R1, bpf.R7)
	t.Call(helperSkcToTCP) // NULL unless it is a struct tcp_sock
	t.JumpEqImm(bpf.R0, 0, "write")
	storeTCP(&t.Asm, t.l, bpf.FP, recordAt)
	storeTCPInfo(&t.Asm, t.l, bpf.FP, recordAt)
	t.Jump("write")
	t.Label("listen")
	storeBacklog(&t.Asm, t.l, bpf.R7, bpf.FP, recordAt)
	t.halfOpen()
	t.Jump("write")
	t.Label("udp")
	storeUDP(&t.Asm, t.l, bpf.R7, bpf.FP, recordAt)
	if t.l.udpDeficit < 0 {
		return
	}
	t.probe(4, t.l.udpDeficit, recRTT) // borrowed, and given back
	t.Load(bpf.W, bpf.R3, bpf.FP, recordAt+recRTT)
	t.StoreImm(bpf.W, bpf.FP, recordAt+recRTT, 0)
	t.Load(bpf.W, bpf.R2, bpf.FP, recordAt+recRecvQ)
	t.Sub32(bpf.R2, bpf.R3)
	t.Store(bpf.W, bpf.FP, recordAt+recRecvQ, bpf.R2)
}

// halfOpen copies how many connections of a listener are half open. Those of an MPTCP listener are with its first subflow.
func (t *taskFile) halfOpen() {
	if t.l.mptcpFirst >= 0 {
		t.Load(bpf.H, bpf.R1, bpf.R7, t.l.sk.proto)
		t.JumpEqImm(bpf.R1, rawsock.ProtoTCP, "plain")
		t.probe(8, t.l.mptcpFirst, recSent) // borrowed, and given back
		t.Load(bpf.DW, bpf.R3, bpf.FP, recordAt+recSent)
		t.StoreImm(bpf.DW, bpf.FP, recordAt+recSent, 0)
		t.AddImm(bpf.R3, int32(t.l.halfOpen))
		t.Mov(bpf.R1, bpf.FP)
		t.AddImm(bpf.R1, int32(recordAt+recCwnd))
		t.MovImm(bpf.R2, 4)
		t.Call(helperProbeRead)
		t.Jump("write")
		t.Label("plain")
	}
	t.probe(4, t.l.halfOpen, recCwnd)
}
