package sockex

import (
	"net/netip"

	"golang.org/x/sys/windows"
)

// uncorked has nothing to check: there is no cork.
func (s *sender) uncorked(*end) {}

func setReadBuffer(fd uintptr, n int) {
	_ = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, windows.SO_RCVBUF, n)
}

func connectUDP(fd uintptr, to netip.AddrPort) {
	sa, err := letterAddr(windows.Handle(fd), to)
	if err == nil {
		err = windows.Connect(windows.Handle(fd), sa)
	}
	if err != nil {
		panic(err)
	}
}

// onWine reports whether this is Wine, which does some things otherwise.
func onWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}
