// Package truth is what the truth makers of the tests say about the sockets they hold, one JSON object a line.
package truth

// Record is one descriptor that refers to a socket, or one socket that nobody's descriptor refers to. The process that
// made the socket wrote it from what it did and from what getsockname(2), getpeername(2) and fstat(2) told it: not from
// any socket table.
type Record struct {
	Kind      string `json:"kind"`                // how it was made: "listen4", "in-flight", ...
	PID       int    `json:"pid,omitempty"`       // who holds it; 0 where nobody does
	TID       int    `json:"tid,omitempty"`       // the thread whose own table holds it, where that is not the process's
	FD        int    `json:"fd"`                  // -1 where nobody holds it
	Inode     uint64 `json:"inode,omitempty"`     // 0 where no file stands behind the socket
	Cookie    uint64 `json:"cookie,omitempty"`    // 0 where the maker did not ask for it
	Proto     string `json:"proto"`               // tcp, udp, unix
	Family    int    `json:"family,omitempty"`    // 4, 6; 0 for unix
	Type      string `json:"type,omitempty"`      // unix: stream, dgram, seqpacket
	State     string `json:"state"`               // netstat's long name; empty where kernels differ
	Local     string `json:"local,omitempty"`     // netip.AddrPort's text
	Remote    string `json:"remote,omitempty"`    // netip.AddrPort's text
	Interface uint32 `json:"interface,omitempty"` // index of the interface it is bound to
	Path      string `json:"path,omitempty"`      // unix; an abstract name begins with '@'
	Peer      uint64 `json:"peer,omitempty"`      // unix: inode of the other end, where the maker knows it
	Missing   string `json:"missing,omitempty"`   // why nobody holds it, in the words of netstat.Missing
	Absent    bool   `json:"absent,omitempty"`    // the socket must not be listed at all
	Ready     bool   `json:"ready,omitempty"`     // the maker's last line: everything is open now
}
