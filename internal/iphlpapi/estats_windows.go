package iphlpapi

import (
	"unsafe"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// Connection names one TCP connection to the calls of its extended statistics: a MIB_TCPROW, or a MIB_TCP6ROW. Two
// Connections of the same ends in the same state are equal.
type Connection struct {
	v6  bool
	row [13]uint32
}

// ConnectionOf makes a Connection of a row of any TCP table.
func ConnectionOf(k miblayout.Kind, row []byte) (c Connection) {
	l, _ := k.Layout()
	c.v6 = l.V6 // of the ports only the first two bytes are told: the others are documented to hold anything
	b := unsafe.Slice((*byte)(unsafe.Pointer(&c.row)), unsafe.Sizeof(c.row))
	if l.V6 { // in MIB_TCP6ROW the state comes first, then 24 bytes of either end
		copy(b[0:4], row[l.State:])
		copy(b[4:26], row[l.Local:])
		copy(b[28:50], row[l.Remote:])
		return c
	}
	copy(b[0:10], row) // every row of IPv4 begins with a MIB_TCPROW
	copy(b[12:18], row[l.Remote:])
	return c
}

func (c *Connection) bytes() *byte { return (*byte)(unsafe.Pointer(&c.row)) }

// Ends is the connection without its state, as a key that stays the same while the connection lives.
func (c Connection) Ends() Connection {
	c.row[0] = 0
	return c
}

// EStats makes the calls of extended TCP statistics, and holds the memory for their answers. The zero EStats is ready. It
// is not safe for concurrent use.
//
// Statistics are counted group by group on those connections where Enable has switched it on, from then on. Enable needs an
// Administrator. Wine 10 and Windows before Vista lack the calls, or some: the error then wraps a *windows.DLLError or
// ERROR_NOT_SUPPORTED.
type EStats struct {
	conn Connection
	rw   byte // TCP_ESTATS_DATA_RW_v0 and its relatives: one BOOLEAN, EnableCollection
	rod  [miblayout.MaxEStats / 8]uint64
}

// Get reads a group of a connection: whether it is counted and, if so, what. The bytes are valid until the next call.
func (e *EStats) Get(c Connection, g miblayout.EStats) (rod []byte, on bool, err error) {
	const word = int(unsafe.Sizeof(uintptr(0)))
	size := uint32(g.Size(word))
	e.conn, e.rw = c, 0
	name, get := "GetPerTcpConnectionEStats", getPerTcpConnectionEStats
	if c.v6 {
		name, get = "GetPerTcp6ConnectionEStats", getPerTcp6ConnectionEStats
	}
	rod = unsafe.Slice((*byte)(unsafe.Pointer(&e.rod)), unsafe.Sizeof(e.rod))
	if err := get(e.conn.bytes(), uint32(g), &e.rw, 0, 1, nil, 0, 0, &rod[0], 0, size); err != nil {
		return nil, false, &CallError{name, err}
	}
	return rod[:size], e.rw != 0, nil
}

// Enable switches a group of a connection on, or off.
func (e *EStats) Enable(c Connection, g miblayout.EStats, on bool) error {
	e.conn, e.rw = c, 0
	if on {
		e.rw = 1
	}
	name, set := "SetPerTcpConnectionEStats", setPerTcpConnectionEStats
	if c.v6 {
		name, set = "SetPerTcp6ConnectionEStats", setPerTcp6ConnectionEStats
	}
	if err := set(e.conn.bytes(), uint32(g), &e.rw, 0, 1, 0); err != nil {
		return &CallError{name, err}
	}
	return nil
}
