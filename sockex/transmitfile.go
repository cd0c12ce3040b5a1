package sockex

import (
	"context"
	"net"
	"os"
)

// FileOptions says what TransmitFile sends, and how. The zero value, or nil, is the whole file.
type FileOptions struct {
	Head, Tail []byte // sent before and after the file's part; TRANSMIT_FILE_BUFFERS

	// Offset is where the part begins and Count how many bytes it has: 0 is to the file's end. A part that reaches beyond
	// the end is ErrRange, before anything is sent.
	Offset, Count int64

	// ChunkSize is the most that is handed to the system at once; 0 is what is best.
	ChunkSize int

	// Flags are TF_DISCONNECT and TF_REUSE_SOCKET: after the last byte the connection is ended as [DisconnectEx] does it, and
	// with both the socket of a *net.TCPConn is then taken by [Reuse]. The others change nothing on Linux. An unknown one is
	// ErrFlags.
	Flags Flags
}

// TransmitFile sends head, file and tail on a connection: in one segment if they fit. f may be nil, then head and tail are
// all. It returns how many bytes the system took; errors are *Error and say the same. The file's own position is neither
// used nor moved. The write deadline of c counts, and with TF_REUSE_SOCKET the read deadline too, once everything is sent.
//
// Other goroutines may read from c meanwhile. On Linux their writes wait; on Windows they may come in between. When the
// context ends first, the write deadline of c is left in the past, since a part may have been sent: set another one to write
// again.
//
// Source: TransmitFile of mswsock.h; sendfile(2), tcp(7).
func TransmitFile(ctx context.Context, c *net.TCPConn, f *os.File, o *FileOptions) (int64, error) {
	t := newTransfer("TransmitFile")
	defer t.release()
	if o == nil {
		o = &FileOptions{}
	}
	if err := t.setFile(f, o); err != nil {
		return 0, t.fail(err)
	}
	err := t.stream(ctx, c)
	return t.sent, t.fail(err)
}

// setFile checks what can be checked without the connection.
func (t *transfer) setFile(f *os.File, o *FileOptions) (err error) {
	if err = o.Flags.check(fileFlags); err != nil {
		return err
	}
	t.flags = o.Flags
	if t.chunk, err = chunkSize(o.ChunkSize); err != nil {
		return err
	}
	t.file.f = f
	return t.addFile(o)
}

// stream sends on a connection, and ends it if that is wished for.
func (t *transfer) stream(ctx context.Context, c *net.TCPConn) error {
	if err := t.onConn(ctx, c); err != nil || !t.flags.has(TF_DISCONNECT) {
		return err
	}
	return endConn(ctx, c, t.flags.has(TF_REUSE_SOCKET))
}
