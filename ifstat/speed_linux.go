package ifstat

import (
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/rtlink"
)

// ethtoolSettings is struct ethtool_link_settings of linux/ethtool.h with room for the most link modes there can be.
type ethtoolSettings struct {
	cmd    uint32
	speed  uint32 // Mbit/s
	_      [7]uint8
	nwords int8 // words of a mask of link modes
	_      [32]uint8
	_      [3 * 127]uint32
}

// ifreqData is struct ifreq with ifr_data.
type ifreqData struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [24 - unsafe.Sizeof(uintptr(0))]byte
}

// speeds asks for the speed of those that may have another one than before. A driver may take its time to answer, so it is
// asked once for each interface and change of its carrier.
func (r *route) speeds() {
	for i := range r.links {
		l := &r.links[i]
		if !l.askSpeed {
			continue
		}
		l.askSpeed = false
		l.Speed = 0
		if l.Kind != Loopback {
			l.Speed = linkSpeed(r.conn.FD(), l.Name)
		}
	}
}

// linkSpeed asks ethtool's ioctl, of which an unprivileged user may read, on any socket of the namespace. It is 0 where
// there is none.
func linkSpeed(fd int, name string) uint64 {
	s := ethtoolSettings{cmd: unix.ETHTOOL_GLINKSETTINGS}
	if ethtool(fd, name, unsafe.Pointer(&s)) != nil || s.nwords >= 0 { // the first answer is how large a mask is, negated
		return 0
	}
	s = ethtoolSettings{cmd: unix.ETHTOOL_GLINKSETTINGS, nwords: -s.nwords}
	const unknown = 1<<32 - 1 // SPEED_UNKNOWN
	if ethtool(fd, name, unsafe.Pointer(&s)) != nil || s.speed == unknown {
		return 0
	}
	return uint64(s.speed) * 1e6
}

func ethtool(fd int, name string, data unsafe.Pointer) error {
	var pin runtime.Pinner // the kernel finds the settings through a pointer in memory, not in an argument
	defer pin.Unpin()
	req := ifreqData{data: data}
	pin.Pin(data)
	if len(name) >= len(req.name) {
		return unix.EINVAL
	}
	copy(req.name[:], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req))); errno != 0 {
		return errno
	}
	return nil
}

// devtype is what sysfs says about hardware that rtnetlink does not: "wlan", "wwan", or empty. /sys shows the namespace of
// whoever mounted it, so it is believed only where the index is the same.
func devtype(own bool, l *rtlink.Link) string {
	if !own || len(l.Kind) > 0 || strings.ContainsRune(string(l.Name), '/') {
		return ""
	}
	return ueventType(string(l.Name), l.Index)
}

func ueventType(name string, index uint32) string {
	b, err := os.ReadFile("/sys/class/net/" + name + "/uevent")
	if err != nil {
		return ""
	}
	u := parseUevent(string(b))
	if u.index != index {
		return ""
	}
	return u.devtype
}
