package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const manLong = `Write the manual pages of all commands into a directory, as sockeye.1,
sockeye-list.1 and so on, for man(1). They say what --help says.

Nothing in them depends on the machine or the moment: the date is that of
SOURCE_DATE_EPOCH, and there is none where that is not set.`

// manCommand is for those who make packages, and not shown.
func (e *Env) manCommand() *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages", Long: manLong, Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return e.writeManual(cmd.Root(), args[0]) },
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
}

func (e *Env) writeManual(root *cobra.Command, dir string) error {
	date := ""
	if epoch := e.Getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		date = time.Unix(seconds, 0).UTC().Format(time.DateOnly)
	}
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpFlag()
	root.InitDefaultVersionFlag()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, cmd := range documented(root) {
		page := manPage{cmd: cmd, date: date}
		if err := os.WriteFile(filepath.Join(dir, manName(cmd)+".1"), page.write(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// documented are the commands with a page: all that are shown by --help.
func documented(cmd *cobra.Command) (list []*cobra.Command) {
	if cmd.HasParent() && !cmd.IsAvailableCommand() {
		return nil
	}
	list = append(list, cmd)
	for _, c := range cmd.Commands() {
		list = append(list, documented(c)...)
	}
	return list
}

func manName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is a page in the language of man(7). (The generator that comes with cobra reads our texts as Markdown, which runs
// tables and examples together.)
type manPage struct {
	bytes.Buffer
	cmd  *cobra.Command
	date string
}

func (m *manPage) write() []byte {
	name := manName(m.cmd)
	fmt.Fprintf(m, ".TH %s 1 \"%s\" \"sockeye\" \"User Commands\"\n", strings.ToUpper(roff(name)), m.date)
	fmt.Fprintf(m, ".SH NAME\n%s \\- %s\n", roff(name), roffLine(m.cmd.Short))
	m.synopsis()
	m.section("DESCRIPTION")
	m.description(m.cmd.Long)
	m.options("OPTIONS", m.cmd.NonInheritedFlags())
	m.options("OPTIONS OF THE COMMANDS ABOVE", m.cmd.InheritedFlags())
	m.seeAlso()
	return m.Bytes()
}

func (m *manPage) section(name string) { fmt.Fprintf(m, ".SH %s\n", name) }

func (m *manPage) synopsis() {
	m.section("SYNOPSIS")
	fmt.Fprintf(m, ".nf\n%s\n.fi\n", roffLine(m.cmd.UseLine()))
}

// description keeps what is laid out (lines that are indented), and has man break the rest. A paragraph "Exit status:" becomes
// a section, where readers look for it.
func (m *manPage) description(long string) {
	if long == "" {
		long = m.cmd.Short + "."
	}
	for block := range strings.SplitSeq(strings.TrimSpace(long), "\n\n") {
		if rest, ok := strings.CutPrefix(block, "Exit status: "); ok {
			m.section("EXIT STATUS")
			block = upperFirst(rest)
		} else {
			m.WriteString(".PP\n")
		}
		m.block(strings.Split(block, "\n"))
	}
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func (m *manPage) block(lines []string) {
	laidOut := false
	for _, line := range lines {
		if indented := strings.HasPrefix(line, "  "); indented != laidOut {
			laidOut = indented
			m.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[indented])
		}
		m.WriteString(roffLine(line) + "\n")
	}
	if laidOut {
		m.WriteString(".fi\n")
	}
}

func (m *manPage) options(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	m.section(title)
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		m.WriteString(".TP\n")
		if f.Shorthand != "" {
			fmt.Fprintf(m, "\\fB\\-%s\\fR, ", roff(f.Shorthand))
		}
		value, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(m, "\\fB\\-\\-%s\\fR", roff(f.Name))
		if value != "" {
			fmt.Fprintf(m, " \\fI%s\\fR", roff(value))
		}
		m.WriteString("\n" + roffLine(usage+defaultText(f)) + "\n")
	})
}

// defaultText is what --help says of the default.
func defaultText(f *pflag.Flag) string {
	switch f.DefValue {
	case "", "0", "0s", "false", "[]":
		return ""
	}
	return " (default " + f.DefValue + ")"
}

func (m *manPage) seeAlso() {
	var names []string
	add := func(cmd *cobra.Command) {
		names = append(names, "\\fB"+roff(manName(cmd))+"\\fR(1)")
	}
	if m.cmd.HasParent() {
		add(m.cmd.Parent())
	}
	for _, c := range m.cmd.Commands() {
		if c.IsAvailableCommand() {
			add(c)
		}
	}
	if len(names) > 0 {
		m.section("SEE ALSO")
		m.WriteString(strings.Join(names, ",\n") + "\n")
	}
}

// roff escapes what groff would take for something else: the backslash, and the minus, which it would print as a hyphen that
// cannot be pasted into a shell.
var roffEscapes = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

func roff(text string) string { return roffEscapes.Replace(text) }

// roffLine also keeps a dot at the beginning of a line from being a request.
func roffLine(text string) string {
	text = roff(text)
	if strings.HasPrefix(strings.TrimLeft(text, " "), ".") {
		text = `\&` + text
	}
	return text
}
