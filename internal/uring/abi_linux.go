package uring

// From linux/io_uring.h. The system calls have these numbers on every architecture (unistd.h).
const (
	sysSetup    = 425
	sysEnter    = 426
	sysRegister = 427
)

// Flags of Setup.
const (
	SetupCQSize       = 1 << 3
	SetupClamp        = 1 << 4
	SetupRDisabled    = 1 << 6
	SetupSubmitAll    = 1 << 7  // Linux 5.18
	SetupCoopTaskrun  = 1 << 8  // Linux 5.19
	SetupSingleIssuer = 1 << 12 // Linux 6.0
	SetupDeferTaskrun = 1 << 13 // Linux 6.1
	SetupNoSQArray    = 1 << 16 // Linux 6.6
)

// Features that the kernel tells of.
const (
	FeatNoDrop = 1 << 1
	FeatExtArg = 1 << 8
)

const (
	enterGetEvents      = 1 << 0
	enterExtArg         = 1 << 3
	enterRegisteredRing = 1 << 4
)

// Operations.
const (
	OpNop         = 0
	OpPollAdd     = 6
	OpSendMsg     = 9
	OpRecvMsg     = 10
	OpAccept      = 13
	OpAsyncCancel = 14
	OpConnect     = 16
	OpClose       = 19
	OpRead        = 22
	OpWrite       = 23
	OpSend        = 26
	OpRecv        = 27
)

// Flags of an SQE, and of its operation (in IOPrio unless said otherwise).
const (
	SQEBufferSelect = 1 << 5
	SQECQESkip      = 1 << 6

	RecvMultishot   = 1 << 1
	AcceptMultishot = 1 << 0

	CancelAll = 1 << 0 // OpFlags
	CancelFD  = 1 << 1
)

// Flags of a CQE. The upper half of them is the buffer's number.
const (
	CQEBuffer = 1 << 0
	CQEMore   = 1 << 1
	CQEShift  = 16
)

const (
	registerProbe     = 8
	registerEnable    = 12
	registerRingFDs   = 20
	unregisterRingFDs = 21
	registerPBufRing  = 22

	opSupported = 1
)

// SQE is struct io_uring_sqe.
type SQE struct {
	Op        uint8
	Flags     uint8
	IOPrio    uint16
	FD        int32
	Off       uint64
	Addr      uint64
	Len       uint32
	OpFlags   uint32
	UserData  uint64
	BufGroup  uint16
	_         uint16
	FileIndex uint32
	_         [2]uint64
}

// CQE is struct io_uring_cqe.
type CQE struct {
	UserData uint64
	Res      int32
	Flags    uint32
}

type sqOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

type cqOffsets struct {
	head, tail, mask, entries, overflow, cqes, flags, _ uint32
	_                                                   uint64
}

type params struct {
	sqEntries, cqEntries, flags, _, _, features, _ uint32
	_                                              [3]uint32
	sq                                             sqOffsets
	cq                                             cqOffsets
}

const (
	offRings = 0
	offSQEs  = 0x10000000
)

// geteventsArg is struct io_uring_getevents_arg; timespec is __kernel_timespec, 64 bits everywhere.
type geteventsArg struct {
	sigmask uint64
	sigsize uint32
	_       uint32
	ts      uint64
}

type timespec struct{ sec, nsec int64 }
