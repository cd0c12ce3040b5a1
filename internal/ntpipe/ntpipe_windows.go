package ntpipe

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// Peek is PeekNamedPipe: how many bytes were copied, how many are in the pipe, and how many of the next message are left.
func Peek(h windows.Handle, b []byte) (n, avail, left uint32, err error) {
	err = peekNamedPipe(h, unsafe.SliceData(b), uint32(len(b)), &n, &avail, &left)
	return n, avail, left, err
}

// Transact is TransactNamedPipe.
func Transact(h windows.Handle, in, out []byte, n *uint32, ov *windows.Overlapped) error {
	return transactNamedPipe(h, unsafe.SliceData(in), uint32(len(in)), unsafe.SliceData(out), uint32(len(out)), n, ov)
}

// Wait is WaitNamedPipe; the timeout is in milliseconds, 0 the server's own. ERROR_SEM_TIMEOUT says that it is over.
func Wait(name string, timeout uint32) error {
	p, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	return waitNamedPipe(p, timeout)
}

// Impersonate makes the calling thread, which must be locked, act as the client, until windows.RevertToSelf.
func Impersonate(h windows.Handle) error { return impersonateNamedPipeClient(h) }

// Cancellable makes a call that waits and is not overlapped, so that it has a thread while it waits: thread is given that
// thread's handle, for Cancel, which is valid until Cancellable returns. The thread must be locked.
func Cancellable(call func() error, thread func(windows.Handle)) error {
	var me windows.Handle
	self := windows.CurrentProcess()
	err := windows.DuplicateHandle(self, windows.CurrentThread(), self, &me, 0, false, windows.DUPLICATE_SAME_ACCESS)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(me)
	thread(me)
	return call()
}

// Cancel ends the call that waits in the thread; ERROR_NOT_FOUND where it does not (yet).
func Cancel(thread windows.Handle) error { return cancelSynchronousIo(thread) }
