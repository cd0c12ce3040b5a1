package cli

import (
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/netstat"
)

// completePorts offers the ports that somebody listens on, with the owner's name beside it.
func (e *Env) completePorts(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	table, err := e.open(true)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer table.Close()
	var snap netstat.Snapshot
	q := netstat.Query{Protos: netstat.QueryTCP | netstat.QueryUDP, States: netstat.StatesOf(netstat.Listen, netstat.Unconnected), Owner: netstat.OwnerPID, Ordered: true}
	if table.Read(q, &snap) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	for i := range snap.Sockets {
		s := &snap.Sockets[i]
		word := strconv.Itoa(int(s.Local.Port()))
		if s.Proto == netstat.UDP {
			word += "/udp"
		}
		if slices.Contains(args, word) {
			continue
		}
		if len(s.Owners) > 0 {
			word += "\t" + s.Owners[0].Process.Name
		}
		words = append(words, word)
	}
	return distinct(words), cobra.ShellCompDirectiveNoFileComp
}
