//go:build linux || windows

package netstat_test

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

// listen opens a listener for an example and gives its port.
func listen() (net.Listener, uint16) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return l, netip.MustParseAddrPort(l.Addr().String()).Port()
}

// Who owns a port: here this process itself.
func ExampleFindPIDsByTCPPort() {
	l, port := listen()
	defer l.Close()

	pids, err := netstat.FindPIDsByTCPPort(port)
	switch {
	case errors.Is(err, netstat.ErrOwnerUnknown):
		fmt.Println("somebody owns it, but who may not be seen:", err)
	case err != nil:
		fmt.Println("could not find out:", err)
	case len(pids) == 0:
		fmt.Println("nobody")
	default:
		fmt.Println("owned, by this process:", slices.Contains(pids, os.Getpid()))
	}
	// Output: owned, by this process: true
}

func ExampleFindPIDsByUDPPort() {
	pids, err := netstat.FindPIDsByUDPPort(53)
	if err != nil {
		log.Print("perhaps not all of them: ", err)
	}
	fmt.Println(pids)
}

// One look at the table: the listeners of IPv4, with the processes that hold them.
func ExampleList() {
	l, port := listen()
	defer l.Close()

	table, err := netstat.List(netstat.Query{
		Protos: netstat.QueryTCP, Families: netstat.IPv4, States: netstat.ListenerStates, Owner: netstat.OwnerPID,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range table.Sockets {
		if s.Local.Port() == port {
			fmt.Println(s.Proto, s.State, s.Local.Addr(), s.Remote, len(s.Owners))
		}
	}
	for _, missing := range table.Partial {
		log.Print("not everything could be read: ", missing)
	}
	// Output: tcp LISTEN 127.0.0.1 0.0.0.0:0 1
}

// A program that looks again and again keeps the table open and reads into the same snapshot. What is kept of a socket
// beyond the next Read has to be copied, its Owners with it; a Process may be kept as it is.
func ExampleTable_Read() {
	table, err := netstat.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()

	l, port := listen()
	defer l.Close()
	query := netstat.Query{States: netstat.ListenerStates, LocalPorts: []uint16{port}, Owner: netstat.OwnerPID}
	var snap netstat.Snapshot
	for range 2 {
		if err := table.Read(query, &snap); err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(snap.Sockets))
		l.Close()
	}
	// Output:
	// 1
	// 0
}

// One pass over the sockets, without holding them all: the pointer is to the same Socket every time.
func ExampleTable_All() {
	table, err := netstat.Open(nil)
	if err != nil {
		log.Fatal(err)
	}
	defer table.Close()

	perState := map[netstat.State]int{}
	for s, err := range table.All(netstat.Query{Protos: netstat.QueryTCP}) {
		if err != nil {
			log.Print("not everything could be read: ", err)
			continue
		}
		perState[s.State]++
	}
	for state, n := range perState {
		fmt.Println(state, n)
	}
}

// What is known about the owner of a socket beyond its process id.
func ExampleProcess_Details() {
	l, port := listen()
	defer l.Close()

	table, err := netstat.List(netstat.Query{States: netstat.ListenerStates, LocalPorts: []uint16{port}, Owner: netstat.OwnerPID})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range table.Sockets {
		for _, o := range s.Owners {
			d, err := o.Process.Details()
			if err != nil {
				log.Print("not all of it could be read: ", err)
			}
			fmt.Println("the arguments of this process:", slices.Equal(d.Args, os.Args))
		}
	}
	// Output: the arguments of this process: true
}

// A program that comes from GetExtendedTcpTable asks by the name of its table class, on every system.
func ExampleTableClass_Query() {
	q := netstat.TCPTableOwnerPIDListener.Query()
	q.Families = netstat.IPv4 // AF_INET
	q.Ordered = true          // bOrder
	fmt.Println(netstat.TCPTableOwnerPIDListener, q.States.Has(netstat.Listen), q.States.Has(netstat.Established))
	// Output: TCP_TABLE_OWNER_PID_LISTENER true false
}

// What works on this machine for this user, and what would make the rest work.
func ExampleProbe() {
	for _, c := range netstat.Probe() {
		fmt.Println(c.Name, c.Works, c.Detail, c.Remedy)
	}
}
