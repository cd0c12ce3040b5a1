package view

import (
	"fmt"
	"strings"
)

// SyntaxError says where a filter cannot be read. Pos and End are byte offsets into Expr; they are equal at its end.
type SyntaxError struct {
	Expr     string
	Pos, End int
	Msg      string
}

// Error is one line: the message, and the expression with the place between » and «.
func (e *SyntaxError) Error() string {
	const context = 60
	head, tail := e.Expr[:e.Pos], e.Expr[e.End:]
	if len(head) > context {
		head = "…" + head[len(head)-context:]
	}
	if len(tail) > context {
		tail = tail[:context] + "…"
	}
	line := append([]byte("filter: "+e.Msg+` at "`), appendClean(nil, head)...)
	line = append(appendClean(append(line, "»"...), e.Expr[e.Pos:e.End]), "«"...)
	return string(appendClean(line, tail)) + `"`
}

// lexer cuts a filter into words. What a word is depends on where it stands, so the parser says what it wants next.
type lexer struct {
	src string
	pos int
}

func (l *lexer) fail(from int, format string, args ...any) error {
	end := max(from, min(l.pos, len(l.src)))
	return &SyntaxError{Expr: l.src, Pos: from, End: end, Msg: fmt.Sprintf(format, args...)}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func isWordByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func (l *lexer) space() {
	for l.pos < len(l.src) && isSpace(l.src[l.pos]) {
		l.pos++
	}
}

func (l *lexer) end() bool {
	l.space()
	return l.pos == len(l.src)
}

// take eats any of the symbols, the first that fits.
func (l *lexer) take(symbols ...string) (string, bool) {
	l.space()
	for _, s := range symbols {
		if strings.HasPrefix(l.src[l.pos:], s) {
			l.pos += len(s)
			return s, true
		}
	}
	return "", false
}

// word eats a name or keyword, and lowers it. It is empty where none stands.
func (l *lexer) word() string {
	l.space()
	from := l.pos
	for l.pos < len(l.src) && isWordByte(l.src[l.pos]) {
		l.pos++
	}
	return strings.ToLower(l.src[from:l.pos])
}

// peekWord is word without eating it.
func (l *lexer) peekWord() string {
	from := l.pos
	w := l.word()
	l.pos = from
	return w
}

// keyword eats the next word if it is one of these.
func (l *lexer) keyword(words ...string) bool {
	next := l.peekWord()
	for _, w := range words {
		if next == w {
			l.word()
			return true
		}
	}
	return false
}

// value eats what a field is compared with: a quoted text, or all up to a space. A ')' that closes a group of the filter
// ends it, and so do '&' and '|' unless it is a pattern.
func (l *lexer) value(pattern bool) (string, bool, error) {
	l.space()
	if l.pos < len(l.src) && (l.src[l.pos] == '"' || l.src[l.pos] == '\'') {
		text, err := l.quoted()
		return text, true, err
	}
	from, depth := l.pos, 0
	for ; l.pos < len(l.src) && !isSpace(l.src[l.pos]); l.pos++ {
		switch c := l.src[l.pos]; {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ')', !pattern && (c == '&' || c == '|'):
			return l.src[from:l.pos], false, nil
		}
	}
	return l.src[from:l.pos], false, nil
}

// quoted eats a text in quotes. A backslash stands before a quote or a backslash that is part of the text; before anything
// else it is a backslash, so that patterns need no doubling.
func (l *lexer) quoted() (string, error) {
	from, quote := l.pos, l.src[l.pos]
	var text []byte
	for l.pos++; l.pos < len(l.src); l.pos++ {
		c := l.src[l.pos]
		if c == quote {
			l.pos++
			return string(text), nil
		}
		if c == '\\' && l.pos+1 < len(l.src) && strings.IndexByte(`"'\`, l.src[l.pos+1]) >= 0 {
			l.pos++
			c = l.src[l.pos]
		}
		text = append(text, c)
	}
	return "", l.fail(from, "the quote is not closed")
}

// appendQuoted writes a value so that it is read back as it is.
func appendQuoted(dst []byte, text string) []byte {
	if plainValue(text) {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\'' || text[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}

func plainValue(text string) bool {
	for i := range len(text) {
		if c := text[i]; !isWordByte(c) && c != '/' && c != ':' && c != '@' {
			return false
		}
	}
	return text != ""
}

// JoinArgs makes one filter of a command's arguments. The shell has taken away the quotes of a value with spaces: an
// argument that holds a space and follows a comparison gets them back.
func JoinArgs(args []string) string {
	var dst []byte
	for i, arg := range args {
		if i > 0 {
			dst = append(dst, ' ')
		}
		if i > 0 && isComparison(args[i-1]) && (arg == "" || strings.ContainsAny(arg, " \t\n\r")) {
			dst = append(dst, '"')
			dst = append(dst, strings.NewReplacer(`"`, `\"`, `'`, `\'`, `\`, `\\`).Replace(arg)...)
			dst = append(dst, '"')
			continue
		}
		dst = append(dst, arg...)
	}
	return string(dst)
}

func isComparison(arg string) bool {
	_, ok := opWords[arg]
	return ok || arg != "" && strings.Trim(arg, "=!<>~") == "" && arg != "!"
}
