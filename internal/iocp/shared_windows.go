package iocp

import (
	"sync"

	"golang.org/x/sys/windows"
)

// sharedPort is the process's completion port for files. Handles cannot leave a port, and a goroutine that waits on one takes
// a thread, so there is one for all files. It goes with the last of them.
type sharedPort struct {
	mu    sync.Mutex
	files int
	port  *Port
	done  chan struct{} // closed when the port's goroutine has ended
}

var shared sharedPort

// join puts a handle on the port, which is made if need be.
func join(h windows.Handle) error {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.port == nil {
		p, err := NewPort(sharedBatch)
		if err != nil {
			return err
		}
		shared.port, shared.done = p, make(chan struct{})
		go complete(p, shared.done)
	}
	if err := shared.port.Associate(h); err != nil {
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
	if s.port.Post() == nil {
		<-s.done
	}
	_ = s.port.Close()
	s.port = nil
}

const sharedBatch = 64

// complete hands each packet to the operation whose Overlapped it names. One that names none, which is posted, ends it.
func complete(p *Port, done chan<- struct{}) {
	defer close(done)
	for over := false; !over; {
		entries, err := p.Wait(-1)
		over = err != nil
		for i := range entries {
			if ov := entries[i].Overlapped; ov != nil {
				operation(ov).complete()
			} else {
				over = true
			}
		}
		p.Clear(entries)
	}
}
