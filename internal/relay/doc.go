// Package relay joins any two ends: pipes, TCP, Unix sockets, standard input and output, and programs.
//
// Bytes go from one descriptor to the other inside the kernel where both allow it (splice(2), Linux), else through a buffer.
// The end of what one side sends is carried to the other one, which can go on sending. Between two pipes of message type
// messages stay messages.
package relay
