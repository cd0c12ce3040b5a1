package tui

import (
	"fmt"
	"slices"
	"strings"
)

// Theme is a choice of colours.
type Theme int

// The themes. AutoTheme becomes DarkTheme or LightTheme by the terminal's background. PlainTheme has no colours, only bold, dim
// and reverse; what came and went is told by '+' and '-' in every theme.
const (
	AutoTheme Theme = iota
	DarkTheme
	LightTheme
	ColorblindTheme
	PlainTheme
	themes
)

var themeNames = [themes]string{"auto", "dark", "light", "colorblind", "plain"}

func (t Theme) String() string { return themeNames[t] }

// Themes are the names of the themes.
func Themes() []string { return themeNames[:] }

// ThemeByName finds a theme.
func ThemeByName(name string) (Theme, error) {
	if i := slices.Index(themeNames[:], name); i >= 0 {
		return Theme(i), nil
	}
	return 0, fmt.Errorf("there is no theme %q; there are %s", name, strings.Join(themeNames[:], ", "))
}

// style is parameters of SGR (ECMA-48, 8.3.117); empty is the terminal's own.
type style = string

// palette are the styles of what is drawn.
type palette struct {
	title, tab, header, sorted, cursor style
	fresh, glow, gone, dim             style // glow is fresh in its first second
	rx, tx, good, bad, label, match    style
}

// palettes of dark, light and all backgrounds. Colours are of the terminal's own 16 where the user may have chosen them to be
// readable; those for the colour-blind are blue and orange of the 256, which keep apart in every kind of colour-blindness.
var palettes = [themes]palette{
	AutoTheme: {title: "1", tab: "7", header: "1", sorted: "1;4", cursor: "7", fresh: "32", glow: "1;32", gone: "31", dim: "2",
		rx: "36", tx: "35", good: "32", bad: "31", label: "2", match: "1;4"},
	DarkTheme: {title: "1;96", tab: "7", header: "1;37", sorted: "1;93", cursor: "7", fresh: "32", glow: "1;92", gone: "91", dim: "90",
		rx: "96", tx: "95", good: "92", bad: "91", label: "90", match: "1;4;93"},
	LightTheme: {title: "1;34", tab: "7", header: "1;30", sorted: "1;34", cursor: "7", fresh: "32", glow: "1;32", gone: "31", dim: "90",
		rx: "34", tx: "35", good: "32", bad: "31", label: "90", match: "1;4;34"},
	ColorblindTheme: {title: "1", tab: "7", header: "1", sorted: "1;4", cursor: "7", fresh: "38;5;33", glow: "1;38;5;33", gone: "38;5;208", dim: "2",
		rx: "38;5;33", tx: "38;5;208", good: "38;5;33", bad: "1;38;5;208", label: "2", match: "1;4"},
	PlainTheme: {title: "1", tab: "7", header: "1", sorted: "1;4", cursor: "7", glow: "1", gone: "2", dim: "2", bad: "1", label: "2", match: "1;4"},
}

func (m *Model) palette() *palette { return &palettes[m.opt.Theme] }

// Background says whether the terminal's background is dark.
func (m *Model) Background(dark bool) {
	if m.opt.Theme != AutoTheme {
		return
	}
	m.opt.Theme = LightTheme
	if dark {
		m.opt.Theme = DarkTheme
	}
}
