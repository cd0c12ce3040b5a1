package testutil

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/internal/testutil/truth"
)

// Row is a socket in the words that truth makers, ss and our own table have in common, so that any two can be compared.
type Row struct {
	Proto, Type, State string
	Local, Remote      string // netip.AddrPort's text; "" for Unix sockets
	Path               string
	Inode, Peer        uint64
	Owners             []string // "pid/fd", sorted
	Missing            string   // the word of netstat.Missing; ss has none
	Kind               string   // the truth's only: for messages
}

// Key identifies the row within one table.
func (r Row) Key() string {
	if r.Proto == "unix" {
		return fmt.Sprintf("unix %d", r.Inode)
	}
	return fmt.Sprintf("%s %s %s %d", r.Proto, r.Local, r.Remote, r.Inode)
}

// String is the row without its key.
func (r Row) String() string {
	s := fmt.Sprintf("%s owners[%s] missing[%s]", r.State, strings.Join(r.Owners, " "), r.Missing)
	if r.Proto == "unix" {
		s += fmt.Sprintf(" %s %q peer %d", r.Type, r.Path, r.Peer)
	}
	return s
}

// TruthRows merges what the makers wrote: one row a socket, with all its owners. Those that must be absent are not in it.
func TruthRows(records []truth.Record) []Row {
	var b rowBuilder
	for _, r := range records {
		if r.Absent {
			continue
		}
		row := Row{Proto: r.Proto, Type: r.Type, State: r.State, Local: r.Local, Remote: r.Remote, Path: r.Path, Inode: r.Inode, Peer: r.Peer,
			Missing: r.Missing, Kind: r.Kind}
		if r.PID != 0 {
			row.Owners = []string{OwnerText(r.PID, r.FD)}
		}
		b.add(row)
	}
	return b.rows
}

// OwnerText is an element of Row.Owners.
func OwnerText(pid, fd int) string { return fmt.Sprintf("%d/%d", pid, fd) }

// SSRows are ss's, in common words.
func SSRows(list []SSRow) []Row {
	types := map[string]string{"u_str": "stream", "u_dgr": "dgram", "u_seq": "seqpacket"}
	rows := make([]Row, len(list))
	for i, s := range list {
		rows[i] = Row{Proto: s.Netid, State: s.State, Inode: s.Inode, Peer: s.Peer, Path: s.Path}
		if typ := types[s.Netid]; typ != "" {
			rows[i].Proto, rows[i].Type = "unix", typ
		} else {
			rows[i].Local, rows[i].Remote = s.Local.String(), s.Remote.String()
		}
		for _, o := range s.Owners {
			rows[i].Owners = append(rows[i].Owners, OwnerText(o.PID, o.FD))
		}
		slices.Sort(rows[i].Owners)
	}
	return rows
}

// rowBuilder merges rows of one key.
type rowBuilder struct {
	rows  []Row
	index map[string]int
}

func (b *rowBuilder) add(r Row) {
	key := r.Key()
	i, ok := b.index[key]
	if !ok || r.Inode == 0 {
		if b.index == nil {
			b.index = map[string]int{}
		}
		b.index[key] = len(b.rows)
		b.rows = append(b.rows, r)
		return
	}
	b.rows[i].Owners = append(b.rows[i].Owners, r.Owners...)
	slices.Sort(b.rows[i].Owners)
}

// DiffRows says, line by line, how got differs from want; nothing where it does not. Rows of one key are compared in
// order. An empty State or Type and no Peer of want fit any.
func DiffRows(got, want []Row) []string {
	var diff []string
	have := map[string][]Row{}
	for _, r := range got {
		have[r.Key()] = append(have[r.Key()], r)
	}
	for _, w := range want {
		rows := have[w.Key()]
		if len(rows) == 0 {
			diff = append(diff, fmt.Sprintf("lost   %s: %s (%s)", w.Key(), w, w.Kind))
			continue
		}
		have[w.Key()] = rows[1:]
		if d := rows[0].differs(w); d != "" {
			diff = append(diff, fmt.Sprintf("differs %s: %s: got %s, want %s (%s)", w.Key(), d, rows[0], w, w.Kind))
		}
	}
	for key, rows := range have {
		for _, r := range rows {
			diff = append(diff, fmt.Sprintf("extra  %s: %s", key, r))
		}
	}
	slices.Sort(diff)
	return diff
}

func (r Row) differs(want Row) string {
	switch {
	case want.State != "" && r.State != want.State:
		return "state"
	case want.Type != "" && r.Type != want.Type:
		return "type"
	case r.Path != want.Path:
		return "path"
	case want.Peer != 0 && r.Peer != want.Peer:
		return "peer"
	case !slices.Equal(r.Owners, want.Owners):
		return "owners"
	case r.Missing != want.Missing:
		return "missing"
	}
	return ""
}
