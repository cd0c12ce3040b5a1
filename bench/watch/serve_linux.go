package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// server accepts, reads, answers and closes what its peer closed: one loop for any number of connections.
type server struct {
	poll      int // epoll(7)
	listeners []int
	reply     []byte // the answer to whatever comes, if there is one
	awaited   int    // connections, until arrived is closed
	arrived   chan struct{}
	buf       [4096]byte
}

func newServer(reply []byte, awaited int, listeners ...int) (*server, error) {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	s := &server{poll: poll, listeners: listeners, reply: reply, awaited: awaited, arrived: make(chan struct{})}
	for _, fd := range listeners {
		err = errors.Join(err, s.add(fd))
	}
	return s, err
}

func (s *server) add(fd int) error {
	return unix.EpollCtl(s.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

func (s *server) run() error {
	events := make([]unix.EpollEvent, 128)
	for {
		n, err := unix.EpollWait(s.poll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for i := range max(n, 0) {
			fd := int(events[i].Fd)
			if !slices.Contains(s.listeners, fd) {
				s.answer(fd)
			} else if err := s.acceptAll(fd); err != nil {
				return fmt.Errorf("accept: %w", err)
			}
		}
	}
}

func (s *server) acceptAll(listener int) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if errors.Is(err, unix.EAGAIN) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.add(fd); err != nil {
			return err
		}
		if s.awaited--; s.awaited == 0 {
			close(s.arrived)
		}
	}
}

func (s *server) answer(fd int) {
	n, err := unix.Read(fd, s.buf[:])
	if n > 0 && len(s.reply) > 0 {
		_, err = unix.Write(fd, s.reply)
	}
	if n <= 0 && !errors.Is(err, unix.EAGAIN) || n > 0 && err != nil {
		unix.Close(fd)
	}
}

// serve is the role of the process that the short connections go to: it says its port and answers.
func serve([]string) error {
	if err := raiseFiles(10000); err != nil {
		return err
	}
	fd, port, err := listen(localhost4, unix.SOCK_NONBLOCK)
	if err != nil {
		return err
	}
	s, err := newServer(make([]byte, 1000), 0, fd)
	if err != nil {
		return err
	}
	fmt.Println(port)
	return untilInputEnds(s)
}

// untilInputEnds serves as long as the standard input is open.
func untilInputEnds(s *server) error {
	failed := make(chan error, 2)
	go func() { failed <- s.run() }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}
