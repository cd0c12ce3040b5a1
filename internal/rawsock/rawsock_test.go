package rawsock

import (
	"testing"
	"unsafe"
)

// The BPF programs store to these offsets.
func TestRecordLayout(t *testing.T) {
	var r Record
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"Local", unsafe.Offsetof(r.Local), 0},
		{"Remote", unsafe.Offsetof(r.Remote), 16},
		{"Cookie", unsafe.Offsetof(r.Cookie), 32},
		{"Cgroup", unsafe.Offsetof(r.Cgroup), 40},
		{"Sent", unsafe.Offsetof(r.Sent), 48},
		{"Received", unsafe.Offsetof(r.Received), 56},
		{"Inode", unsafe.Offsetof(r.Inode), 64},
		{"UID", unsafe.Offsetof(r.UID), 68},
		{"NetNS", unsafe.Offsetof(r.NetNS), 72},
		{"Interface", unsafe.Offsetof(r.Interface), 76},
		{"LocalPort", unsafe.Offsetof(r.LocalPort), 80},
		{"RemotePort", unsafe.Offsetof(r.RemotePort), 82},
		{"Family", unsafe.Offsetof(r.Family), 84},
		{"State", unsafe.Offsetof(r.State), 85},
		{"Proto", unsafe.Offsetof(r.Proto), 86},
		{"RecvQ", unsafe.Offsetof(r.RecvQ), 88},
		{"SendQ", unsafe.Offsetof(r.SendQ), 92},
		{"RTT", unsafe.Offsetof(r.RTT), 96},
		{"Retrans", unsafe.Offsetof(r.Retrans), 100},
		{"FD", unsafe.Offsetof(r.FD), 104},
		{"Cwnd", unsafe.Offsetof(r.Cwnd), 108},
		{"Payload", unsafe.Offsetof(r.Payload), 112},
		{"CAState", unsafe.Offsetof(r.CAState), 120},
		{"Flags", unsafe.Offsetof(r.Flags), 121},
		{"size", unsafe.Sizeof(r), Size},
	} {
		if f.got != f.want {
			t.Errorf("%s at %d, want %d", f.name, f.got, f.want)
		}
	}
}
