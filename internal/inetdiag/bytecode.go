package inetdiag

import (
	"encoding/binary"
	"slices"
)

// MaxRanges is how many port ranges one request takes. The kernel checks every jump of a program by walking it from its
// start, so the cost of the check grows with the square of the number; 256 take it a third of a millisecond.
const MaxRanges = 256

// Range is the local ports from First to Last, both included.
type Range struct{ First, Last uint16 }

// Ranges turns ports, in any order and with repetitions, into ranges in ascending order. More than [MaxRanges] are for
// several requests: slices.Chunk(ranges, MaxRanges).
func Ranges(ports []uint16) []Range {
	sorted := slices.Clone(ports)
	slices.Sort(sorted)
	var rs []Range
	for _, p := range sorted {
		if n := len(rs); n > 0 && int(p) <= int(rs[n-1].Last)+1 {
			rs[n-1].Last = p
			continue
		}
		rs = append(rs, Range{p, p})
	}
	return rs
}

// Operations of struct inet_diag_bc_op. Each has the way to go when it holds (yes) and when not (no), in bytes from its
// own start. A program that is left at its end accepts the socket, one that is left 4 bytes behind its end rejects it.
const (
	opJump      = 1 // INET_DIAG_BC_JMP, goes by no
	opLocalFrom = 2 // INET_DIAG_BC_S_GE, the port in the second word's no
	opLocalTo   = 3 // INET_DIAG_BC_S_LE, likewise

	sizePortOp = 8
	sizeJump   = 4
	sizeRange  = 2*sizePortOp + sizeJump
)

// appendBytecode appends "any of the ranges": for each, from and to and a jump to the end. The last one needs no jump,
// and a step of the same length past it is the rejecting one. rs must not be empty.
func appendBytecode(dst []byte, rs []Range) []byte {
	for i, r := range rs {
		dst = appendPortOp(dst, opLocalFrom, sizeRange, r.First)
		dst = appendPortOp(dst, opLocalTo, sizeRange-sizePortOp, r.Last)
		if left := len(rs) - 1 - i; left > 0 {
			dst = appendOp(dst, opJump, sizeJump, uint16(left*sizeRange))
		}
	}
	return dst
}

func appendPortOp(dst []byte, code byte, no, port uint16) []byte {
	dst = appendOp(dst, code, sizePortOp, no)
	return appendOp(dst, 0, 0, port)
}

func appendOp(dst []byte, code, yes byte, no uint16) []byte {
	return binary.NativeEndian.AppendUint16(append(dst, code, yes), no)
}
