package cli

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// systemNames finds names in the system's files, each read when the first name is wanted. os/user is not used because it
// reads the file again for every user, and pulls in libc where cgo is on.
func systemNames() view.Names {
	var users map[uint32]string
	return view.Names{
		OwnerUser: ownerUser(),
		UserName: func(uid uint32) string {
			if users == nil {
				users = parsePasswd(readFile("/etc/passwd"))
			}
			return users[uid]
		},
		InterfaceName: func(netns uint64, index uint32) string {
			if netns != 0 && netns != ownNetNS() {
				return "" // the index means another interface there
			}
			i, err := net.InterfaceByIndex(int(index))
			if err != nil {
				return ""
			}
			return i.Name
		},
		ServicePort: func(name string) (uint16, bool) { return findService(readFile(servicesFile()), name) },
	}
}

// ownerUser is for Windows, where a socket has no user of its own.
func ownerUser() func(*netstat.Process) string {
	if runtime.GOOS != "windows" {
		return nil
	}
	return func(p *netstat.Process) string {
		d, _ := p.Details()
		return d.User
	}
}

func readFile(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

// parsePasswd reads passwd(5); of several names of one user the first counts.
func parsePasswd(text string) map[uint32]string {
	users := make(map[uint32]string)
	for line := range strings.Lines(text) {
		fields := strings.Split(line, ":")
		if len(fields) < 3 || fields[0] == "" {
			continue
		}
		uid, err := strconv.ParseUint(fields[2], 10, 32)
		if _, known := users[uint32(uid)]; err == nil && !known {
			users[uint32(uid)] = fields[0]
		}
	}
	return users
}

// ownNetNS is the inode of our network namespace, from a link that reads "net:[4026531840]"; 0 elsewhere than on Linux.
func ownNetNS() uint64 {
	link, _ := os.Readlink("/proc/self/ns/net")
	inode, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]"), 10, 64)
	return inode
}

func servicesFile() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("SystemRoot"), "System32", "drivers", "etc", "services")
	}
	return "/etc/services"
}

// findService looks a name or alias up in the text of services(5).
func findService(text, name string) (uint16, bool) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		number, _, _ := strings.Cut(fields[1], "/")
		port, err := strconv.ParseUint(number, 10, 16)
		for i, f := range fields {
			if err == nil && i != 1 && strings.EqualFold(f, name) {
				return uint16(port), true
			}
		}
	}
	return 0, false
}

func currentUser() string {
	uid := os.Getuid()
	if uid < 0 {
		return os.Getenv("USERNAME")
	}
	if name := parsePasswd(readFile("/etc/passwd"))[uint32(uid)]; name != "" {
		return name + " (uid " + strconv.Itoa(uid) + ")"
	}
	return "uid " + strconv.Itoa(uid)
}
