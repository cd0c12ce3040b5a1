package ifstat

import (
	"bytes"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// known is what stays the same from reading to reading, so that it is made once. What it refers to is never changed, for
// snapshots share it: it is made anew.
type known struct {
	round             uint64
	rawName, rawDescr []byte
	name, description string
	hardware          net.HardwareAddr
	addrs             []netip.Prefix
}

// lookup returns what is known of the interface, brought up to date.
func (t *table) lookup(id uint64, r *miblayout.IfRow, width uint8) *known {
	k := t.known[id]
	if k == nil {
		k = new(known)
		t.known[id] = k
	}
	if k.round == 0 || !bytes.Equal(k.rawName, r.Name) || !bytes.Equal(k.rawDescr, r.Description) {
		k.rename(r, width)
	}
	if !bytes.Equal(k.hardware, r.Address) {
		k.hardware = slices.Clone(r.Address)
	}
	k.round = t.round
	return k
}

func (k *known) rename(r *miblayout.IfRow, width uint8) {
	k.rawName, k.rawDescr = slices.Clone(r.Name), slices.Clone(r.Description)
	if width == 64 {
		k.name, k.description = miblayout.UTF16(r.Name), miblayout.UTF16(r.Description)
	} else {
		k.name = ansi(r.Description) // GetIfTable knows no alias, and its name is the device's, which nobody has seen
		k.description = k.name
	}
	if k.name == "" {
		k.name = k.description
	}
	if k.name == "" {
		k.name = miblayout.UTF16(r.Name)
	}
}

// codePage is CP_ACP of <winnls.h>: the system's own.
const codePage = 0

// ansi is text in the system's code page; what that has no character for comes as it is.
func ansi(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	var wide [256]uint16 // a description has no more bytes, and no byte makes more than one
	n, err := windows.MultiByteToWideChar(codePage, 0, &b[0], int32(len(b)), &wide[0], int32(len(wide)))
	if err != nil {
		return string(b)
	}
	return windows.UTF16ToString(wide[:n])
}

// Where addresses begin to be in use, in NL_DAD_STATE of <nldef.h>: deprecated, then preferred. Before that they are
// invalid, tentative or another machine's.
const dadDeprecated = 3

// gather returns the interface's addresses, valid until the next call.
func (t *table) gather(r *miblayout.IfRow, addrs miblayout.Addresses) []netip.Prefix {
	t.own = t.own[:0]
	for i := range addrs.Len() {
		a := addrs.Row(i)
		if a.Index == r.Index && a.Dad >= dadDeprecated && a.Prefix.IsValid() {
			t.own = append(t.own, a.Prefix)
		}
	}
	return t.own
}

func (k *known) address(own []netip.Prefix) {
	if !slices.Equal(k.addrs, own) {
		k.addrs = slices.Clone(own)
	}
}

// forget drops the interfaces that were not in this reading.
func (t *table) forget() {
	for id, k := range t.known {
		if k.round != t.round {
			delete(t.known, id)
		}
	}
}

// made is who has an index of GetIfTable: Windows gives that of a removed interface away.
type made struct {
	device []byte // wszName, which holds the adapter's GUID
	before uint64 // how many interfaces had the index before
}

// identity stands for the LUID where that is missing: the index, with the number of interfaces that had it before in the
// upper half. No LUID is so low, for the interface's type, which is not 0, is in its highest 16 bits.
func (t *table) identity(r *miblayout.IfRow) uint64 {
	m := t.made[r.Index]
	switch {
	case m == nil:
		m = &made{device: slices.Clone(r.Name)}
		t.made[r.Index] = m
	case !bytes.Equal(m.device, r.Name):
		m.device, m.before = slices.Clone(r.Name), m.before+1
	}
	return m.before&0xffff<<32 | uint64(r.Index)
}
