//go:build !windows

package relay

import (
	"slices"
	"testing"
)

func TestSplitCommand(t *testing.T) {
	for text, want := range map[string][]string{
		`cat -u`:              {"cat", "-u"},
		`  a	b  `:             {"a", "b"},
		`sh -c 'echo "$x" y'`: {"sh", "-c", `echo "$x" y`},
		`a "b c" d\ e`:        {"a", "b c", "d e"},
		`"a\"b\n" ''`:         {`a"b\n`, ""},
		`a'b'"c"d`:            {"abcd"},
		`a\`:                  {`a\`},
		`'it'\''s'`:           {"it's"},
		``:                    nil,
		`'open`:               nil,
	} {
		got, err := splitCommand(text)
		if !slices.Equal(got, want) || (err != nil) != (text == `'open`) {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
}
