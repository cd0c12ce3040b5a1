package completion

import "golang.org/x/sys/windows"

const (
	errReset   = windows.WSAECONNRESET
	errRefused = windows.WSAECONNREFUSED
)

func onWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}
