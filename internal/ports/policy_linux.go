package ports

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// The sysctls of ip-sysctl(rst), which also hold for IPv6. Each network namespace has its own.
const (
	sysctls          = "/proc/sys/net/ipv4/"
	sysctlEphemeral  = "ip_local_port_range"
	sysctlReserved   = "ip_local_reserved_ports"
	sysctlPrivileged = "ip_unprivileged_port_start"
)

// defaultPrivilege is PROT_SOCK, of kernels before 4.11, which had no sysctl for it.
const defaultPrivilege = 1024

func readPolicy() (p Policy, errs []error) {
	read := func(name string, parse func(text string) error) {
		text, err := os.ReadFile(sysctls + name)
		if err == nil {
			err = parse(strings.TrimSpace(string(text)))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	read(sysctlEphemeral, func(text string) (err error) {
		p.Ephemeral, err = ParseRange(strings.Join(strings.Fields(text), "-"))
		return err
	})
	read(sysctlReserved, func(text string) (err error) {
		p.Reserved, err = ParseRanges(text)
		return err
	})
	text, err := os.ReadFile(sysctls + sysctlPrivileged)
	if errors.Is(err, fs.ErrNotExist) {
		p.Privilege = defaultPrivilege
		return p, errs
	}
	n, perr := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 16)
	if err == nil {
		err = perr
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("%s: %w", sysctlPrivileged, err))
	}
	p.Privilege = uint16(n)
	return p, errs
}
