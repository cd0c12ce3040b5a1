package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sockeye-net/sockeye/internal/view"
)

// TestDocumented: every command line that the documents and the helps show is understood: there is such a command, it has
// these flags, and a filter can be read.
func TestDocumented(t *testing.T) {
	w := newWorld(t)
	seen := 0
	for _, where := range []string{"../../README.md", "../../CONTRIBUTING.md", "../../docs", "../../bench/README.md"} {
		err := filepath.WalkDir(where, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".md") {
				return err
			}
			b, err := os.ReadFile(path)
			for _, line := range shownIn(string(b)) {
				seen++
				w.understands(t, path, line)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, cmd := range documented(w.root()) {
		for line := range strings.Lines(cmd.Long) {
			if m := shownCommand.FindStringSubmatch(line); m != nil {
				seen++
				w.understands(t, cmd.CommandPath(), m[1])
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d were found", seen)
	}
}

var (
	shownCommand = regexp.MustCompile(`^ *(?:\w*[#$] |sudo |\./)*sockeye (.*)`)
	inlineCode   = regexp.MustCompile("`(?:sudo )?sockeye ([^`\\[]+)`")
)

// shownIn are the command lines of a document: in its blocks of code, and in the text. Of those in the text much is left out.
func shownIn(document string) (lines []string) {
	code := false
	for line := range strings.Lines(document) {
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		if m := shownCommand.FindStringSubmatch(line); m != nil && code {
			lines = append(lines, m[1])
		}
		for _, m := range inlineCode.FindAllStringSubmatch(line, -1) {
			if !code {
				lines = append(lines, m[1])
			}
		}
	}
	return lines
}

// wrong is the command line of README.md that shows an error.
const wrong = "'sport = :80 and and'"

func (w *world) understands(t *testing.T, where, line string) {
	t.Helper()
	line, _, _ = strings.Cut(strings.TrimSpace(line), "  ") // what it does
	root := w.root()
	root.InitDefaultCompletionCmd(shellSplit(line)...)
	cmd, args, err := root.Find(shellSplit(line))
	if err == nil {
		err = cmd.ParseFlags(args)
	}
	var valueless *pflag.ValueRequiredError
	if errors.Is(err, pflag.ErrHelp) || errors.As(err, &valueless) { // a text may speak of --from as such
		return
	}
	if err == nil {
		err = filterOf(cmd)
	}
	if (err != nil) != (line == wrong) {
		t.Errorf("%s: sockeye %s: %v", where, line, err)
	}
}

// filterOf reads a command's arguments, if they are a filter.
func filterOf(cmd *cobra.Command) (err error) {
	switch text := view.JoinArgs(cmd.Flags().Args()); cmd.Name() {
	case "sockeye", "list", "top", "close":
		_, err = view.ParseFilter(text, new(view.Names))
	case "watch":
		_, err = view.ParseEventFilter(text, new(view.Names))
	}
	return err
}

// shellSplit splits a line as a shell does, up to what is not the command's any more.
func shellSplit(line string) (words []string) {
	for _, m := range regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`).FindAllString(line, -1) {
		if m == "&" || m == "|" || m == ">" || strings.HasPrefix(m, "#") {
			break
		}
		words = append(words, strings.Trim(m, `'"`))
	}
	return words
}
