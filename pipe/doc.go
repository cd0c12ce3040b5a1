// Package pipe has named pipes on Windows and on Linux: byte and message type, with the calls that Win32 programmers know.
//
//	l, err := pipe.Listen(`\\.\pipe\answers`, &pipe.Config{Type: pipe.Message})
//	...
//	c, err := l.Accept() // a *Conn: a net.Conn, and what pipes have besides
//
//	c, err := pipe.Dial(ctx, `\\.\pipe\answers`, &pipe.DialConfig{ReadMode: pipe.Message})
//	answer, err := pipe.Call(ctx, `\\.\pipe\answers`, []byte("question"), nil)
//
// On Windows they are the system's own pipes, and the other end may be any program. On Linux they are Unix sockets:
// SOCK_STREAM for byte type, SOCK_SEQPACKET for message type, so that any program that speaks these can be the other end
// too. The same program runs on both; [Capability] names what differs, and what a system cannot do returns an error for
// which errors.Is(err, errors.ErrUnsupported) holds.
//
// # Names
//
// A name is `\\.\pipe\NAME`, in any case and with / for \ as well. On Linux it stands for a socket file in a directory of
// the user that nobody else may enter, and a name with neither prefix is the path of a socket file. `\\HOST\pipe\NAME` is
// a pipe of another machine, on Windows only.
//
// # Concurrency
//
// All methods may be called from several goroutines at once. Reads take turns, and so do writes: the bytes of a Write, and
// those of a message, stay together. Close and an expired deadline end calls that wait.
//
// # Errors
//
// Errors are *[OpError]; errors.Is finds in them a [Condition] of this package, the system's error number, and the values
// of os, io and net that Go programs compare with. The end of what the other end sent is a bare io.EOF.
package pipe
