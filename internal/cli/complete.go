package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
)

// completeFilter offers what may stand next in a filter.
func completeFilter(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	last := ""
	if len(args) > 0 {
		last = args[len(args)-1]
	}
	words := view.FilterWords()
	switch last {
	case "state", "exclude":
		words = view.StateWords()
	case "proto":
		words = []string{"tcp", "udp", "unix"}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeColumns completes the last name of a list with commas.
func completeColumns(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	head := typed[:strings.LastIndexByte(typed, ',')+1]
	if strings.HasPrefix(typed[len(head):], "-") {
		head += "-"
	}
	var words []string
	for _, name := range view.ColumnNames() {
		words = append(words, head+name)
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
