package netstat

import "time"

// Details is what is known about a process beyond its id. Fields are empty where the system does not tell or permit.
type Details struct {
	Exe     string   // path of the executable
	Args    []string // command line
	User    string   // user name, or the id where it has no name; DOMAIN\name on Windows
	UID     uint32   // 0 on Windows
	Started time.Time
	Parents []Parent // the parent first, then its parent, up to the first process
	Module  string   // systemd unit, container or Windows service
}

// Parent is an ancestor of a process.
type Parent struct {
	PID  int
	Name string
}

// Details reads what the system tells about the process now. It returns ErrProcessGone (wrapped) when the process has
// ended or its id was given to another one. Details that may not be read are empty, and the error says which, so both
// may be of use.
func (p *Process) Details() (Details, error) { return processDetails(p) }
