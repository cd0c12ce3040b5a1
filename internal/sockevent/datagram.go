package sockevent

import (
	"unsafe"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// Where the programs store the members of a Datagram. From Start to Proto they lie as in a Record, datShift bytes farther.
const (
	datCookie        = int(unsafe.Offsetof(Datagram{}.Cookie))
	datSentBytes     = int(unsafe.Offsetof(Datagram{}.SentBytes))
	datReceivedBytes = int(unsafe.Offsetof(Datagram{}.ReceivedBytes))
	datSent          = int(unsafe.Offsetof(Datagram{}.SentPackets))
	datReceived      = int(unsafe.Offsetof(Datagram{}.ReceivedPackets))
	datFirst         = int(unsafe.Offsetof(Datagram{}.First))
	datLast          = int(unsafe.Offsetof(Datagram{}.Last))
	datStart         = int(unsafe.Offsetof(Datagram{}.Start))
	datFamily        = int(unsafe.Offsetof(Datagram{}.Family))
	datSize          = int(unsafe.Sizeof(Datagram{}))
	datShift         = datStart - recStart
)

// length assembles the programs for sock_send_length and sock_recv_length, which the kernel calls behind every send and
// receive in a socket. Most are of TCP: main leaves for them without a stack or a saved register, and calls count for the
// others, in which R8 is the entry. On the stack lies below the rest
// an entry that is being made, and its key.
type length struct {
	*program
	entry, key int
}

func assembleLength(l *layout, cfg *Config, m maps, send bool) (*bpf.Program, error) {
	p := &length{program: newProgram(l, cfg, m)}
	p.entry = p.scratch - datSize
	p.key = p.entry - 8
	p.main()
	p.Callback("count") // the sort of function that may take the context; nobody calls it back
	p.Mov(bpf.R6, bpf.R1)
	p.wanted(send)
	p.Mov(bpf.R1, bpf.R7)
	p.Call(helperSocketCookie)
	p.Store(bpf.DW, bpf.FP, p.key, bpf.R0)
	p.lookup()
	p.JumpEqImm(bpf.R0, 0, "new")
	p.Label("known")
	p.Mov(bpf.R8, bpf.R0)
	p.count(send)
	p.refresh()
	p.end()
	p.Label("new")
	p.create()
	p.lookup()
	p.JumpNeImm(bpf.R0, 0, "known")
	p.countLost() // the map is full
	p.Jump("out")
	if send {
		return p.Assemble("sockeye_send")
	}
	return p.Assemble("sockeye_receive")
}

func (p *length) main() {
	p.Load(bpf.DW, bpf.R2, bpf.R1, ctxSock)
	p.Load(bpf.H, bpf.R2, bpf.R2, p.l.proto)
	p.JumpEqImm(bpf.R2, rawsock.ProtoTCP, "leave")
	p.JumpEqImm(bpf.R2, rawsock.ProtoMPTCP, "leave")
	p.CallFunc("count")
	p.Label("leave")
	p.MovImm(bpf.R0, 0)
	p.Exit()
}

// wanted makes R7 the sock, which is not TCP, and leaves unless something was sent or received in one that is counted.
func (p *length) wanted(send bool) {
	p.Load(bpf.DW, bpf.R7, bpf.R6, ctxSock)
	p.Load(bpf.H, bpf.R1, bpf.R7, p.l.family)
	p.JumpEqImm(bpf.R1, rawsock.AFInet, "counted")
	p.JumpEqImm(bpf.R1, rawsock.AFInet6, "counted")
	p.JumpNeImm(bpf.R1, afPacket, "out")
	p.Label("counted")
	p.Load(bpf.DW, bpf.R1, bpf.R6, ctxLength)
	p.JumpSetImm(bpf.R1, negative, "out")
	if !send {
		p.Load(bpf.DW, bpf.R1, bpf.R6, ctxFlags)
		p.JumpSetImm(bpf.R1, msgUncounted, "out")
	}
}

// lookup makes R0 the entry, or 0.
func (p *length) lookup() {
	p.LoadMap(bpf.R1, p.m.datagrams)
	p.stack(bpf.R2, p.key)
	p.Call(helperMapLookup)
}

// count adds the length to the entry in R8. Several processors may be at it.
func (p *length) count(send bool) {
	bytes, packets := datReceivedBytes, datReceived
	if send {
		bytes, packets = datSentBytes, datSent
	}
	p.Load(bpf.DW, bpf.R1, bpf.R6, ctxLength)
	p.AtomicAdd(bpf.DW, bpf.R8, bytes, bpf.R1)
	p.MovImm(bpf.R1, 1)
	p.AtomicAdd(bpf.DW, bpf.R8, packets, bpf.R1)
	p.Call(helperBootTime)
	p.Store(bpf.DW, bpf.R8, datLast, bpf.R0)
}

// refresh writes the addresses anew when the socket was bound or connected after the entry was made.
func (p *length) refresh() {
	p.Load(bpf.H, bpf.R1, bpf.R7, p.l.num)
	p.Load(bpf.H, bpf.R2, bpf.R8, recLocalPort+datShift)
	p.JumpNe(bpf.R1, bpf.R2, "refresh")
	p.Load(bpf.H, bpf.R1, bpf.R7, p.l.dport)
	p.Swap16(bpf.R1)
	p.Load(bpf.H, bpf.R2, bpf.R8, recRemotePort+datShift)
	p.JumpEq(bpf.R1, bpf.R2, "out")
	p.Label("refresh")
	p.copyCommon()
	p.addresses(bpf.R8, datShift)
	p.ports(bpf.R8, datShift)
}

// create makes an entry and sends a record of it.
func (p *length) create() {
	p.copyCommon()
	p.namespace()
	for at := range datSize / 8 {
		p.StoreImm(bpf.DW, bpf.FP, p.entry+8*at, 0)
	}
	p.Load(bpf.DW, bpf.R1, bpf.FP, p.key)
	p.Store(bpf.DW, bpf.FP, p.entry+datCookie, bpf.R1)
	p.Call(helperBootTime)
	p.Store(bpf.DW, bpf.FP, p.entry+datFirst, bpf.R0)
	p.Load(bpf.H, bpf.R1, bpf.FP, p.common+p.l.family)
	p.Store(bpf.B, bpf.FP, p.entry+datFamily, bpf.R1)
	p.addresses(bpf.FP, p.entry+datShift)
	p.identity(bpf.FP, p.entry+datShift)
	p.process(bpf.FP, p.entry+datShift)
	p.LoadMap(bpf.R1, p.m.datagrams)
	p.stack(bpf.R2, p.key)
	p.stack(bpf.R3, p.entry)
	p.MovImm(bpf.R4, mapNoExist)
	p.Call(helperMapUpdate)
	p.JumpNeImm(bpf.R0, 0, "there")
	p.announce()
	p.Label("there")
}

// announce sends a record of the entry on the stack. One that finds no room is counted, and the entry stays.
func (p *length) announce() {
	p.LoadMap(bpf.R1, p.m.ring)
	p.MovImm(bpf.R2, int32(shortRecord))
	p.MovImm(bpf.R3, 0)
	p.Call(helperRingReserve)
	p.JumpNeImm(bpf.R0, 0, "announce")
	p.countLost()
	p.Jump("there")
	p.Label("announce")
	p.Mov(bpf.R9, bpf.R0)
	for _, c := range []struct{ from, to int }{{datFirst, recTime}, {datCookie, recCookie}} {
		p.Load(bpf.DW, bpf.R1, bpf.FP, p.entry+c.from)
		p.Store(bpf.DW, bpf.R9, c.to, bpf.R1)
	}
	for at := recStart; at < recKind&^7; at += 8 {
		p.Load(bpf.DW, bpf.R1, bpf.FP, p.entry+datShift+at)
		p.Store(bpf.DW, bpf.R9, at, bpf.R1)
	}
	p.ports(bpf.R9, 0)
	p.Load(bpf.H, bpf.R1, bpf.FP, p.entry+datShift+recProto)
	p.Store(bpf.H, bpf.R9, recProto, bpf.R1)
	p.states(KindDatagram)
	p.owned()
	p.submit()
}
