// Package history remembers what a machine's sockets did, in one SQLite file: every connection's life, who listened, how much
// each interface moved, and totals by day and month.
//
// One process records (Open, Record); others read meanwhile (OpenReader). The file is made for that: a log of writes beside
// it (SQLite's WAL) keeps it whole whenever the recorder is killed, and readers do not wait.
//
// Times in the file are microseconds of Unix time, addresses 16 bytes (IPv4 mapped into IPv6). No column is NULL: 0 and the
// empty text stand for what is not known, so that conditions may be turned round.
package history
