package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/netstat"
)

// Column is one thing to show of a socket. Columns are fixed; find them by name.
type Column struct {
	Name   string // flat snake_case, the field's name in JSON
	Header string
	Right  bool  // numbers stand to the right
	Needs  Needs // what the query must have asked for

	aliases []string
	shrink  int  // where the terminal is narrow: 0 keeps it whole, else the least width it is cut to
	drop    int  // and left out altogether, the highest first; 0 is never
	squeeze int  // and where that is not enough either, the least width it is cut to
	late    bool // at last it is left out then
	port    bool // cut before the last ':'
	wide    bool // may hold more than ASCII; an address does not

	num     value                                                        // of a column that is a number
	text    func(n *Names, dst []byte, s *netstat.Socket) []byte         // nothing where it does not apply
	json    func(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) // false where it does not apply
	compare func(n *Names, a, b *netstat.Socket) int
	byPlace func(p, q *place) int // compare, of columns that are about the remote end's place
}

// Append writes the socket's value as text for people, without anything that a terminal would obey.
func (c *Column) Append(n *Names, dst []byte, s *netstat.Socket) []byte { return c.text(n, dst, s) }

// ColumnNames are the names of all columns.
func ColumnNames() (names []string) {
	for i := range columns {
		names = append(names, columns[i].Name)
	}
	return names
}

// ColumnWords are the names of all columns and what else they are called, for completion.
func ColumnWords() (words []string) {
	for i := range columns {
		words = append(append(words, columns[i].Name), columns[i].aliases...)
	}
	return words
}

// ParseColumns finds columns by a list of names with commas between them.
func ParseColumns(list string) ([]*Column, error) {
	var found []*Column
	for name := range strings.SplitSeq(list, ",") {
		c := columnByName(strings.TrimSpace(name))
		if c == nil {
			return nil, fmt.Errorf("no column is called %q; there are %s", name, strings.Join(ColumnNames(), ", "))
		}
		found = append(found, c)
	}
	return found, nil
}

// Columns finds columns by names that are known to exist.
func Columns(names ...string) []*Column {
	found := make([]*Column, len(names))
	for i, name := range names {
		found[i] = columnByName(name)
	}
	return found
}

func columnByName(name string) *Column {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for i := range columns {
		if c := &columns[i]; c.Name == name || slices.Contains(c.aliases, name) {
			return c
		}
	}
	return nil
}

// NeedsOf is what the columns need together.
func NeedsOf(cols []*Column) (n Needs) {
	for _, c := range cols {
		n.add(c.Needs)
	}
	return n
}
