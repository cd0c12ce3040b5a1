package netstat

import (
	"encoding/binary"
	"errors"
	"runtime"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// commandLine is what the process was started with. Windows has no list of arguments, only one line that each program
// splits for itself; it is split here as most do. The kernel tells the line since Windows 8.1; Wine does not, and there it is
// read from the process's memory, where the process may have changed it.
func commandLine(h windows.Handle) ([]string, error) {
	line, err := askCommandLine(h)
	if errors.Is(err, windows.STATUS_INVALID_INFO_CLASS) || errors.Is(err, windows.STATUS_NOT_IMPLEMENTED) {
		line, err = peekCommandLine(h)
	}
	if err != nil {
		return nil, err
	}
	return windows.DecomposeCommandLine(line)
}

func askCommandLine(h windows.Handle) (string, error) {
	// Room for the structure and the longest string it can tell, in memory that does not move: it points into itself.
	buf := make([]uint64, (16+64<<10)/8+1)
	err := windows.NtQueryInformationProcess(h, windows.ProcessCommandLineInformation, unsafe.Pointer(&buf[0]), uint32(8*len(buf)), nil)
	if err != nil {
		return "", err
	}
	line := (*windows.NTUnicodeString)(unsafe.Pointer(&buf[0])).String()
	runtime.KeepAlive(buf)
	return line, nil
}

// peekCommandLine follows PEB.ProcessParameters.CommandLine in the memory of a process with pointers as wide as ours.
func peekCommandLine(limited windows.Handle) (string, error) {
	var basic windows.PROCESS_BASIC_INFORMATION
	err := windows.NtQueryInformationProcess(limited, windows.ProcessBasicInformation, unsafe.Pointer(&basic), uint32(unsafe.Sizeof(basic)), nil)
	if err != nil {
		return "", err
	}
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION|windows.PROCESS_VM_READ, false, uint32(basic.UniqueProcessId))
	if err != nil {
		return "", err
	}
	defer windows.CloseHandle(h)
	peb, err := peek(h, uintptr(unsafe.Pointer(basic.PebBaseAddress)), unsafe.Sizeof(windows.PEB{}))
	if err != nil {
		return "", err
	}
	params, err := peek(h, word(peb[unsafe.Offsetof(windows.PEB{}.ProcessParameters):]), unsafe.Sizeof(windows.RTL_USER_PROCESS_PARAMETERS{}))
	if err != nil {
		return "", err
	}
	const at, buffer = unsafe.Offsetof(windows.RTL_USER_PROCESS_PARAMETERS{}.CommandLine), unsafe.Offsetof(windows.NTUnicodeString{}.Buffer)
	text, err := peek(h, word(params[at+buffer:]), uintptr(binary.LittleEndian.Uint16(params[at:])))
	return decodeUTF16(text), err
}

// peek copies n bytes of another process's memory: addresses in it are numbers here, never pointers.
func peek(h windows.Handle, addr, n uintptr) ([]byte, error) {
	b := make([]byte, max(n, 1))
	if n == 0 {
		return nil, nil
	}
	var got uintptr
	err := windows.ReadProcessMemory(h, addr, &b[0], n, &got)
	return b[:min(got, n)], errors.Join(err, short(got, n))
}

func short(got, want uintptr) error {
	if got < want {
		return windows.ERROR_PARTIAL_COPY
	}
	return nil
}

func word(b []byte) uintptr {
	if unsafe.Sizeof(uintptr(0)) == 4 {
		return uintptr(binary.LittleEndian.Uint32(b))
	}
	return uintptr(binary.LittleEndian.Uint64(b))
}

func decodeUTF16(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
