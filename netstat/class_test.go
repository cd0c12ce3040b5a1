package netstat

import (
	"reflect"
	"testing"
)

func TestTableClass(t *testing.T) {
	for c, want := range map[TableClass]Query{
		TCPTableBasicListener:          {Protos: QueryTCP, States: ListenerStates},
		TCPTableBasicConnections:       {Protos: QueryTCP, States: ConnectionStates},
		TCPTableBasicAll:               {Protos: QueryTCP},
		TCPTableOwnerPIDListener:       {Protos: QueryTCP, States: ListenerStates, Owner: OwnerPID},
		TCPTableOwnerPIDConnections:    {Protos: QueryTCP, States: ConnectionStates, Owner: OwnerPID},
		TCPTableOwnerPIDAll:            {Protos: QueryTCP, Owner: OwnerPID},
		TCPTableOwnerModuleListener:    {Protos: QueryTCP, States: ListenerStates, Owner: OwnerModule},
		TCPTableOwnerModuleConnections: {Protos: QueryTCP, States: ConnectionStates, Owner: OwnerModule},
		TCPTableOwnerModuleAll:         {Protos: QueryTCP, Owner: OwnerModule},
		UDPTableBasic:                  {Protos: QueryUDP},
		UDPTableOwnerPID:               {Protos: QueryUDP, Owner: OwnerPID},
		UDPTableOwnerModule:            {Protos: QueryUDP, Owner: OwnerModule},
		UDPTableOwnerModule + 1:        {},
	} {
		if got := c.Query(); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %+v, want %+v", c, got, want)
		}
	}
	// The numbers of TCP_TABLE_CLASS, <iprtrmib.h>.
	if TCPTableBasicListener != 0 || TCPTableOwnerPIDAll != 5 || TCPTableOwnerModuleAll != 8 {
		t.Error("the numbers are not the header's")
	}
	if s := TCPTableOwnerPIDAll.String(); s != "TCP_TABLE_OWNER_PID_ALL" {
		t.Error(s)
	}
}
