package netstat

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// systemPID is the kernel's process, which owns the sockets of drivers. It has no file.
const systemPID = 4

// processes knows the owners from reading to reading. A process id alone says little, for Windows gives it to another
// process soon after: so each id is looked at once a reading, and counts as the same process while the time it was created
// is the same.
type processes struct {
	known    map[uint32]*known
	round    uint64 // number of the reading
	read     int64  // FILETIME: when the table at hand had been read
	level    OwnerLevel
	list     processList
	listed   bool // list was read in this round
	services services
	info     iphlpapi.Buffer // of OwnerModule: rows stay where they are in the table's own buffer
	problems []error
	noModule int // sockets whose service could not be told, and why
	whyNot   error
}

// known is a process of an earlier reading.
type known struct {
	proc    *Process
	created int64 // FILETIME; 0 when the process was gone or would not tell
	round   uint64
	hosts   []string          // services that run in it
	modules map[uint64]string // service by the tag in the rows of a process that hosts several
}

func (p *processes) begin(level OwnerLevel) {
	p.round++
	p.level, p.listed, p.problems, p.noModule, p.whyNot = level, false, nil, 0, nil
	if level != OwnerModule {
		return
	}
	if err := p.services.read(); err != nil {
		p.problems = append(p.problems, fmt.Errorf("services: %w", err))
	}
}

// asOf notes when a table had been read.
func (p *processes) asOf(filetime int64) { p.read = filetime }

// end forgets the processes that own nothing any more, and returns what could not be found out.
func (p *processes) end() []error {
	for pid, k := range p.known {
		if k.round != p.round {
			delete(p.known, pid)
		}
	}
	if p.noModule > 0 {
		p.problems = append(p.problems, fmt.Errorf("the service behind %d sockets, each of a process that hosts several: %w", p.noModule, p.whyNot))
	}
	return p.problems
}

// lookup returns the process that has the id now, provided that it had it when the table was read.
func (p *processes) lookup(pid uint32) *known {
	old := p.known[pid]
	if old != nil && old.round == p.round {
		return old
	}
	id := p.identify(pid, old)
	var hosts []string
	if p.level == OwnerModule {
		hosts = p.services.of(pid)
	}
	if old == nil || id.created != old.created || id.name != old.proc.Name || p.level == OwnerModule && !sameModule(hosts, old.proc.Module) {
		old = newKnown(pid, id, hosts)
		p.known[pid] = old
	}
	old.round = p.round
	return old
}

func newKnown(pid uint32, id identity, hosts []string) *known {
	proc := &Process{PID: int(pid), Name: id.name, Module: strings.Join(hosts, ","), Started: miblayout.Time(id.created)}
	return &known{proc: proc, created: id.created, hosts: hosts}
}

// sameModule is strings.Join(hosts, ",") == module without the string in the common cases.
func sameModule(hosts []string, module string) bool {
	switch len(hosts) {
	case 0:
		return module == ""
	case 1:
		return module == hosts[0]
	}
	return module == strings.Join(hosts, ",")
}

// identity is what tells a process from the one that had its id before.
type identity struct {
	created int64
	name    string
}

// identify asks the process itself, which costs little, and where that is not permitted the list of all processes. A
// process created since the table was read has inherited the id of the owner, who is gone: nothing is known of that one.
// (One created in the future is no such case: the clock was set back.)
func (p *processes) identify(pid uint32, old *known) identity {
	id, err := ask(pid, old)
	if errors.Is(err, windows.ERROR_INVALID_PARAMETER) { // no process has that id
		return identity{}
	}
	if err != nil {
		id = p.fromList(pid)
	}
	if p.read < id.created && id.created <= now() {
		return identity{}
	}
	if id.name == "" && pid == systemPID {
		id.name = "System"
	}
	return id
}

// ask opens the process. Its name is asked for only when it is not the one already known.
func ask(pid uint32, old *known) (identity, error) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return identity{}, err
	}
	defer windows.CloseHandle(h)
	created, err := createdAt(h)
	if err != nil {
		return identity{}, err
	}
	if old != nil && old.created == created && old.proc.Name != "" {
		return identity{created, old.proc.Name}, nil
	}
	path, err := imageName(h)
	return identity{created, filepath.Base(path)}, err
}

// fromList finds the process in the list of all, which is read at most once a reading.
func (p *processes) fromList(pid uint32) identity {
	if !p.listed {
		p.listed = true
		if err := p.list.read(); err != nil {
			p.problems = append(p.problems, fmt.Errorf("names of processes that may not be opened: %w", err))
		}
	}
	e := p.list.find(pid)
	return identity{e.Created, e.Text()}
}

// module is the service that made a socket of the process: none if the process hosts none, the one that it hosts, and where
// it hosts several what the system says of the row, once for each tag that rows of the process have.
func (p *processes) module(k *known, e iphlpapi.Entry, tag uint64, row []byte) string {
	if p.services.ok && len(k.hosts) <= 1 {
		return k.proc.Module
	}
	if name, ok := k.modules[tag]; ok {
		return name
	}
	m, err := p.info.OwnerModule(e, row)
	if err != nil {
		if p.services.ok { // else what is missing is said already, and most processes are no services
			p.noModule, p.whyNot = p.noModule+1, err
		}
		return ""
	}
	if k.modules == nil {
		k.modules = map[uint64]string{}
	}
	k.modules[tag] = serviceOf(m)
	return k.modules[tag]
}

// serviceOf is the module's name if it is a service's: that of a program is the name of its file, and the kernel's is
// "System" with the path "System".
func serviceOf(m iphlpapi.Module) string {
	if strings.EqualFold(m.Name, filepath.Base(m.Path)) {
		return ""
	}
	return m.Name
}
