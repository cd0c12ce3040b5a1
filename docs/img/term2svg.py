#!/usr/bin/env python3
"""Turns a terminal's screen, as `tmux capture-pane -e -p` prints it, into an SVG.

    tmux capture-pane -e -p | docs/img/term2svg.py [COLUMNS] > docs/img/list.svg

It knows the colours and attributes that sockeye uses: bold, dim, and the eight colours of the foreground.
"""
import html
import re
import sys
import unicodedata

CELL, LINE, PAD = 8.43, 19, 14
COLOURS = ["#484f58", "#ff7b72", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#e6edf3"]
FORE, BACK, DIM = "#e6edf3", "#0d1117", "#8b949e"


def runs(line, style):
    """Cuts a line into (column, text, style) where the style changes."""
    column = 0
    for text, codes in re.findall(r"([^\x1b]+)|\x1b\[([\d;]*)m", line):
        if text:
            yield column, text, dict(style)
            column += sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
        else:
            for code in (int(c or 0) for c in codes.split(";")):
                apply(style, code)


def apply(style, code):
    if code == 0:
        style.clear()
    elif code in (1, 2):
        style["bold" if code == 1 else "dim"] = True
    elif code == 22:
        style.pop("bold", None), style.pop("dim", None)
    elif 30 <= code <= 37:
        style["colour"] = COLOURS[code - 30]
    elif code == 39:
        style.pop("colour", None)


def tspan(column, text, style):
    if not text.strip():
        return ""
    lead = len(text) - len(text.lstrip())
    column, text = column + lead, text.strip()
    colour = style.get("colour") or (DIM if style.get("dim") else FORE)
    weight = ' font-weight="bold"' if style.get("bold") else ""
    # textLength keeps the columns straight whatever font the reader has.
    return (f'<tspan x="{PAD + column * CELL:.1f}" fill="{colour}"{weight} textLength="{len(text) * CELL:.1f}"'
            f' lengthAdjust="spacingAndGlyphs">{html.escape(text, quote=False)}</tspan>')


def main():
    lines = sys.stdin.read().rstrip().split("\n")
    columns = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    width, height = 2 * PAD + columns * CELL, 2 * PAD + len(lines) * LINE
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}">')
    print(f'<rect width="100%" height="100%" rx="8" fill="{BACK}"/>')
    print('<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,\'DejaVu Sans Mono\',monospace" font-size="14" xml:space="preserve">')
    style = {}
    for n, line in enumerate(lines):
        spans = "".join(tspan(*run) for run in runs(line, style))
        if spans:
            print(f'<text y="{PAD + n * LINE + 14}">{spans}</text>')
    print("</g>\n</svg>")


if __name__ == "__main__":
    main()
