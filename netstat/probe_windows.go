package netstat

import (
	"fmt"
	"time"

	"golang.org/x/sys/windows"
)

// probe reads each table once and tries what the owners' names come from.
func probe() []Capability {
	return []Capability{
		probeTable("tcp", QueryTCP, IPv4), probeTable("tcp6", QueryTCP, IPv6),
		probeTable("udp", QueryUDP, IPv4), probeTable("udp6", QueryUDP, IPv6),
		probeProcesses(), probeServices(), probeModules(), probeRights(),
	}
}

func capability(name, detail, remedy string, err error) Capability {
	if err != nil {
		return Capability{Name: name, Detail: err.Error(), Remedy: remedy}
	}
	return Capability{Name: name, Works: true, Detail: detail}
}

func probeTable(name string, p Protos, f Families) Capability {
	start := time.Now()
	s, err := List(Query{Protos: p, Families: f, Owner: OwnerPID})
	n := 0
	if err == nil {
		n = len(s.Sockets)
	}
	return capability("iphlpapi-"+name, fmt.Sprintf("%d sockets with their owners in %v", n, time.Since(start).Round(time.Microsecond)), "", err)
}

func probeProcesses() Capability {
	var l processList
	err := l.read()
	return capability("process-list", fmt.Sprintf("%d processes", len(l.byPID)), "", err)
}

func probeServices() Capability {
	var s services
	err := s.read()
	return capability("services", fmt.Sprintf("%d processes host services", len(s.byPID)), "start the service manager", err)
}

// probeModules looks for the call that tells the services of one process apart. Wine has not got it.
func probeModules() Capability {
	err := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetOwnerModuleFromTcpEntry").Find()
	return capability("owner-module", "the services of one process are told apart", "", err)
}

func probeRights() Capability {
	if windows.GetCurrentProcessToken().IsElevated() {
		return Capability{Name: "administrator", Works: true, Detail: "every process may be asked for its details, and TCP information be counted"}
	}
	return Capability{Name: "administrator", Detail: "command lines and users of other users' processes, and TCP information, stay unknown",
		Remedy: "run as Administrator"}
}
