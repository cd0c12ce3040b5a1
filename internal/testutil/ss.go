package testutil

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// SSRow is a line of `ss -tanupeOH` or `ss -xanpeOH`.
type SSRow struct {
	Netid         string // tcp, udp, u_str, u_dgr, u_seq
	State         string // netstat's long name
	RecvQ, SendQ  uint32
	Local, Remote netip.AddrPort // of TCP and UDP
	Path          string         // of a Unix socket
	Inode, Peer   uint64         // Peer of a Unix socket
	UID           uint32
	Cookie        uint64
	Owners        []SSOwner
}

// SSOwner is one of users:(("name",pid=1,fd=2),...).
type SSOwner struct {
	Name    string
	PID, FD int
}

// ssStates are ss's words (misc/ss.c, sstate_name) in netstat's.
var ssStates = map[string]string{
	"ESTAB": "ESTABLISHED", "SYN-SENT": "SYN_SENT", "SYN-RECV": "SYN_RECV", "FIN-WAIT-1": "FIN_WAIT1", "FIN-WAIT-2": "FIN_WAIT2",
	"TIME-WAIT": "TIME_WAIT", "UNCONN": "UNCONN", "CLOSE-WAIT": "CLOSE_WAIT", "LAST-ACK": "LAST_ACK", "LISTEN": "LISTEN",
	"CLOSING": "CLOSING", "BOUND": "BOUND",
}

// ParseSS reads what ss wrote.
func ParseSS(out []byte) ([]SSRow, error) {
	var rows []SSRow
	for line := range strings.Lines(string(out)) {
		row, err := parseSSLine(line)
		if err != nil {
			return nil, fmt.Errorf("%w in %q", err, line)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func parseSSLine(line string) (r SSRow, err error) {
	f := strings.Fields(line)
	if len(f) < 6 {
		return r, fmt.Errorf("%d fields", len(f))
	}
	r.Netid, r.State = f[0], ssStates[f[1]]
	if r.State == "" {
		return r, fmt.Errorf("unknown state %q", f[1])
	}
	r.RecvQ, r.SendQ = uint32(number(f[2])), uint32(number(f[3]))
	if strings.HasPrefix(r.Netid, "u_") {
		err = r.unixNames(f[4:])
	} else {
		err = r.addresses(f[4], f[5])
		r.Inode = number(after(line, " ino:"))
	}
	r.UID, r.Owners = uint32(number(after(line, " uid:"))), ssOwners(line)
	r.Cookie, _ = strconv.ParseUint(after(line, " sk:"), 16, 64)
	return r, err
}

// unixNames reads "PATH INODE * PEER"; with -e an "ino:" there is that of the path's file.
func (r *SSRow) unixNames(f []string) error {
	if len(f) < 4 {
		return fmt.Errorf("%d fields of a Unix socket", len(f))
	}
	if f[0] != "*" {
		r.Path = f[0]
	}
	r.Inode, r.Peer = number(f[1]), number(f[3])
	return nil
}

func (r *SSRow) addresses(local, remote string) (err error) {
	if r.Local, err = ssAddress(local); err != nil {
		return err
	}
	r.Remote, err = ssAddress(remote)
	return err
}

// ssAddress reads 127.0.0.1:80, 127.0.0.1%lo:80, [::1]:80, [fe80::1]%eth0:80, and * for the [::] of a socket that takes
// IPv4 too.
func ssAddress(s string) (netip.AddrPort, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return netip.AddrPort{}, fmt.Errorf("address %q", s)
	}
	host, zone, _ := strings.Cut(s[:i], "%")
	host = strings.Trim(host, "[]")
	if host == "*" {
		host = "::"
	}
	a, err := netip.ParseAddr(host)
	if err == nil && a.Is6() && zone != "" {
		a = a.WithZone(zone)
	}
	return netip.AddrPortFrom(a, uint16(number(s[i+1:]))), err
}

var ssUser = regexp.MustCompile(`\("((?:[^"\\]|\\.)*)",pid=(\d+),fd=(\d+)\)`)

func ssOwners(line string) (owners []SSOwner) {
	for _, m := range ssUser.FindAllStringSubmatch(line, -1) {
		owners = append(owners, SSOwner{m[1], int(number(m[2])), int(number(m[3]))})
	}
	return owners
}

// after is the word that follows a mark, or "".
func after(line, mark string) string {
	_, word, _ := strings.Cut(line, mark)
	word, _, _ = strings.Cut(word, " ")
	return strings.TrimSpace(word)
}

// number is 0 for "*" and for what is no number.
func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}
