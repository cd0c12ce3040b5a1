package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
)

// completeFilter offers what may stand next in a filter.
func completeFilter(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	words := valuesAfter(args)
	if words == nil {
		words = view.FilterWords()
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// valuesAfter are the values that may stand behind a field, or a field and a comparison, where they are few; else nil.
func valuesAfter(args []string) []string {
	n := len(args)
	if n > 1 && strings.Trim(args[n-1], "=!") == "" {
		n--
	}
	if n == 0 {
		return nil
	}
	switch args[n-1] {
	case "state", "exclude":
		return view.StateWords()
	case "proto":
		return []string{"tcp", "udp", "unix"}
	case "special":
		return view.SpecialWords()
	}
	return nil
}

// completeColumns completes the last name of a list with commas.
func completeColumns(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	head := typed[:strings.LastIndexByte(typed, ',')+1]
	if strings.HasPrefix(typed[len(head):], "-") {
		head += "-"
	}
	var words []string
	for _, name := range view.ColumnWords() {
		words = append(words, head+name)
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
