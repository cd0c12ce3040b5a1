package pipe

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

func listedAt(string) (Listed, bool) { return Listed{}, false }

func list() (all []Listed, err error) {
	name, err := windows.UTF16PtrFromString(`\\.\pipe\`)
	if err != nil {
		return nil, err
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil, windows.OPEN_EXISTING,
		windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return nil, told(err)
	}
	defer windows.CloseHandle(h)
	buf := make([]uint64, 8<<10) // aligned as the system wants it
	class := uint32(windows.FileFullDirectoryRestartInfo)
	for {
		err := windows.GetFileInformationByHandleEx(h, class, (*byte)(unsafe.Pointer(&buf[0])), uint32(len(buf)*8))
		if err == windows.ERROR_NO_MORE_FILES {
			return all, nil
		}
		if err != nil {
			return all, told(err)
		}
		some, err := parseDirectory(unsafe.Slice((*byte)(unsafe.Pointer(&buf[0])), len(buf)*8))
		if all = append(all, some...); err != nil {
			return all, err
		}
		class = windows.FileFullDirectoryInfo
	}
}
