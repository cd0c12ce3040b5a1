package sockiter

import (
	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// What both programs store into a record at rec+at, from a pointer that the verifier takes for the named structure.

// storeTCP stores the queues of the struct tcp_sock in R0: received and not read, sent and not acknowledged. The first
// counts a FIN that was received; sock_diag cuts off what would be negative, and so must the reader.
func storeTCP(a *bpf.Asm, l *Layout, rec bpf.Reg, at int) {
	a.Load(bpf.W, bpf.R2, bpf.R0, l.tcp.next)
	a.Load(bpf.W, bpf.R3, bpf.R0, l.tcp.copied)
	a.Sub32(bpf.R2, bpf.R3)
	a.Store(bpf.W, rec, at+recRecvQ, bpf.R2)
	a.Load(bpf.W, bpf.R2, bpf.R0, l.tcp.written)
	a.Load(bpf.W, bpf.R3, bpf.R0, l.tcp.una)
	a.Sub32(bpf.R2, bpf.R3)
	a.Store(bpf.W, rec, at+recSendQ, bpf.R2)
}

// storeTCPInfo stores the counters of the struct tcp_sock in R0, as tcp_get_info computes them.
func storeTCPInfo(a *bpf.Asm, l *Layout, rec bpf.Reg, at int) {
	a.Load(bpf.DW, bpf.R2, bpf.R0, l.tcp.acked)
	a.Store(bpf.DW, rec, at+recSent, bpf.R2)
	a.Load(bpf.DW, bpf.R2, bpf.R0, l.tcp.received)
	a.Store(bpf.DW, rec, at+recReceived, bpf.R2)
	a.Load(bpf.W, bpf.R2, bpf.R0, l.tcp.srtt)
	a.Rsh(bpf.R2, 3) // kept in eighths of a microsecond
	a.Store(bpf.W, rec, at+recRTT, bpf.R2)
	a.Load(bpf.W, bpf.R2, bpf.R0, l.tcp.retrans)
	a.Store(bpf.W, rec, at+recRetrans, bpf.R2)
	a.Load(bpf.W, bpf.R2, bpf.R0, l.tcp.cwnd)
	a.Store(bpf.W, rec, at+recCwnd, bpf.R2)
	a.Load(bpf.DW, bpf.R2, bpf.R0, l.tcp.sent)
	a.Load(bpf.DW, bpf.R3, bpf.R0, l.tcp.resent)
	a.Neg(bpf.R3)
	a.Add(bpf.R2, bpf.R3)
	a.Store(bpf.DW, rec, at+recPayload, bpf.R2)
	a.Load(bpf.B, bpf.R2, bpf.R0, l.tcp.caState)
	a.AndImm(bpf.R2, caStateMask)
	a.AddImm(bpf.R2, rawsock.HasPayload<<8)
	a.Store(bpf.H, rec, at+recCAState, bpf.R2)
}

// caStateMask cuts off the bit fields that share a byte with inet_connection_sock.icsk_ca_state, which is in its lower bits
// on a little-endian machine.
const caStateMask = 1<<5 - 1

// storeBacklog stores the accept queue of a listener, from the struct sock in sk.
func storeBacklog(a *bpf.Asm, l *Layout, sk, rec bpf.Reg, at int) {
	a.Load(bpf.W, bpf.R2, sk, l.sk.backlog)
	a.Store(bpf.W, rec, at+recRecvQ, bpf.R2)
	a.Load(bpf.W, bpf.R2, sk, l.sk.maxBacklog)
	a.Store(bpf.W, rec, at+recSendQ, bpf.R2)
}

// storeUDP stores the memory of the queues of the struct sock in sk; a send queue has 1 reference of its own.
func storeUDP(a *bpf.Asm, l *Layout, sk, rec bpf.Reg, at int) {
	a.Load(bpf.W, bpf.R2, sk, l.sk.rmem)
	a.Store(bpf.W, rec, at+recRecvQ, bpf.R2)
	a.Load(bpf.W, bpf.R2, sk, l.sk.wmem)
	a.AddImm(bpf.R2, -1)
	a.Store(bpf.W, rec, at+recSendQ, bpf.R2)
}
