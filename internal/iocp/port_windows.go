package iocp

import (
	"sync"

	"golang.org/x/sys/windows"
)

// port is the process's completion port. Handles cannot leave a port, and a goroutine that waits on one takes a thread, so
// there is one for all files. It goes with the last of them.
type port struct {
	handle windows.Handle
	done   chan struct{} // closed when the goroutine has ended
}

type sharedPort struct {
	mu    sync.Mutex
	files int
	port  *port
}

var shared sharedPort

// join puts a handle on the port, which is made if need be.
func join(h windows.Handle) error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.port == nil {
		p, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 0)
		if err != nil {
			return err
		}
		shared.port = &port{p, make(chan struct{})}
		go shared.port.run()
	}
	if _, err := windows.CreateIoCompletionPort(h, shared.port.handle, 0, 0); err != nil {
		shared.unused()
		return err
	}
	shared.files++
	return nil
}

// leave is called when a file's handle is closed. It waits for the goroutine if the file was the last.
func leave() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	shared.files--
	shared.unused()
}

// unused ends the port if no file has it. It is called with the lock.
func (s *sharedPort) unused() {
	if s.files > 0 || s.port == nil {
		return
	}
	if windows.PostQueuedCompletionStatus(s.port.handle, 0, quit, nil) == nil {
		<-s.port.done
	}
	windows.CloseHandle(s.port.handle)
	s.port = nil
}

// quit is the key of the packet that ends the goroutine; files have 0.
const quit = 1

// run hands each packet to the operation whose Overlapped it names.
func (p *port) run() {
	defer close(p.done)
	for {
		var n uint32
		var key uintptr
		var ov *windows.Overlapped
		err := windows.GetQueuedCompletionStatus(p.handle, &n, &key, &ov, windows.INFINITE)
		switch {
		case ov != nil:
			operation(ov).complete()
		case err != nil || key == quit:
			return
		}
	}
}
