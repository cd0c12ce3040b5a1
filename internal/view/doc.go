// Package view filters, sorts and writes rows of the socket table: the filter language of every command, the columns, and
// the writers of tables, JSON, JSON lines and CSV.
//
// Nothing here calls the system: names of users, interfaces and services come through [Names]. Values of this package are
// used by one goroutine at a time.
package view
