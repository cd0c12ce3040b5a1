// Package transfer sends files over a connection. Send is one end and Serve the other; docs/transfer.md has the protocol
// byte by byte, and docs/decisions/0015-transfer.md why it is so.
//
// A file is offered with its name, size, permissions and time. The receiver may hold a part of it from before: both ends
// then hash that part, and only what is missing is sent. The bytes go into a file beside the place where they belong, under
// a name that ends in PartSuffix, which is renamed when its checksum is the sender's.
//
// Unless both ends say Plain, the connection is TLS 1.3, and the ends prove to each other, by a key exchange bound to that
// very connection (package cpace), that they know the same passphrase.
package transfer
