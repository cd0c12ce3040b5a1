package ntpipe

// The functions of <namedpipeapi.h> and <ioapiset.h>.

//sys	peekNamedPipe(pipe windows.Handle, buf *byte, size uint32, read *uint32, avail *uint32, left *uint32) (err error) = kernel32.PeekNamedPipe
//sys	transactNamedPipe(pipe windows.Handle, in *byte, inSize uint32, out *byte, outSize uint32, read *uint32, overlapped *windows.Overlapped) (err error) = kernel32.TransactNamedPipe
//sys	waitNamedPipe(name *uint16, timeout uint32) (err error) = kernel32.WaitNamedPipeW
//sys	impersonateNamedPipeClient(pipe windows.Handle) (err error) = advapi32.ImpersonateNamedPipeClient
//sys	cancelSynchronousIo(thread windows.Handle) (err error) = kernel32.CancelSynchronousIo
