package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processes are children that end when their standard input does.
type processes struct {
	cmds []*exec.Cmd
	ends []io.Closer
}

func (p *processes) stop() {
	for _, e := range p.ends {
		e.Close()
	}
	for _, c := range p.cmds {
		late := time.AfterFunc(10*time.Second, func() { c.Process.Kill() })
		c.Wait()
		late.Stop()
	}
}

// startIdle starts processes of one thread that hold 20 descriptors each, as the daemons of a machine do. They are
// `cat`, waiting for the end of a pipe.
func startIdle(n int) (*processes, error) {
	p := &processes{}
	for range n {
		if err := p.idle(); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *processes) idle() error {
	files, err := idleFiles()
	defer closeAll(files)
	if err != nil {
		return err
	}
	cmd := exec.Command("cat")
	cmd.ExtraFiles = files
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmds, p.ends = append(p.cmds, cmd), append(p.ends, in)
	return nil
}

// idleFiles are 17 descriptors: four pipes, three pairs of Unix sockets, two event counters and a file.
func idleFiles() (files []*os.File, err error) {
	add := func(fds ...int) {
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "idle"))
		}
	}
	var errs []error
	for range 4 {
		var fd [2]int
		errs = append(errs, unix.Pipe2(fd[:], unix.O_CLOEXEC))
		add(fd[:]...)
	}
	for range 3 {
		fd, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		errs = append(errs, err)
		add(fd[:]...)
	}
	for range 2 {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		errs = append(errs, err)
		add(fd)
	}
	fd, err := unix.Open("/etc/passwd", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	add(fd)
	return files, errors.Join(append(errs, err)...)
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// load is the connections, and a port that one of the holders listens on.
type load struct {
	processes
	port int
}

// startLoad makes n connections: holder i connects to the listeners of holder i+1, each in a process of its own.
func startLoad(n, holders int) (*load, error) {
	l := &load{}
	ins, outs := make([]io.Writer, holders), make([]*bufio.Scanner, holders)
	for i := range holders {
		in, out, err := l.startHolder(share(n, holders, i), share(n, holders, (i+holders-1)%holders), i)
		if err != nil {
			return l, err
		}
		ins[i], outs[i] = in, out
	}
	ports, err := readLines(outs)
	if err != nil {
		return l, err
	}
	for i, in := range ins {
		fmt.Fprintln(in, ports[(i+1)%holders])
	}
	if _, err := readLines(outs); err != nil {
		return l, err
	}
	l.port, err = strconv.Atoi(strings.Fields(ports[0])[0])
	return l, err
}

// share is holder i's part of n.
func share(n, holders, i int) int {
	s := n / holders
	if i < n%holders {
		s++
	}
	return s
}

func (l *load) startHolder(connects, accepts, index int) (io.Writer, *bufio.Scanner, error) {
	cmd := exec.Command("/proc/self/exe", "holder", strconv.Itoa(connects), strconv.Itoa(accepts), strconv.Itoa(index))
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2", "GOGC=off", "GOMEMLIMIT=64MiB")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	l.cmds, l.ends = append(l.cmds, cmd), append(l.ends, in)
	return in, bufio.NewScanner(out), nil
}

// readLines reads one line of each holder.
func readLines(outs []*bufio.Scanner) (lines []string, err error) {
	for i, out := range outs {
		if !out.Scan() {
			return nil, fmt.Errorf("holder %d ended early", i)
		}
		lines = append(lines, out.Text())
	}
	return lines, nil
}

// holder is the role of a process that holds connections: it listens, says where, is told where to connect to, connects
// and accepts, says that it is done, and holds all until its standard input ends.
func holder(args []string) error {
	var n [3]int
	for i := range n {
		v, err := strconv.Atoi(args[i])
		if err != nil {
			return err
		}
		n[i] = v
	}
	connects, accepts, index := n[0], n[1], n[2]
	limit := uint64(connects + accepts + 100)
	if err := raiseFiles(limit); err != nil {
		return fmt.Errorf("%d descriptors: %w", limit, err)
	}
	l4, p4, err4 := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	l6, p6, err6 := listen(netip.MustParseAddrPort("[::1]:0"))
	if err := errors.Join(err4, err6); err != nil {
		return err
	}
	fmt.Println(p4, p6)
	if _, err := fmt.Scan(&p4, &p6); err != nil {
		return err
	}
	failed := make(chan error, 3)
	six := sixes(accepts)
	go func() { failed <- acceptAll(l4, accepts-six) }()
	go func() { failed <- acceptAll(l6, six) }()
	go func() { failed <- connectAll(connects, index, p4, p6) }()
	if err := errors.Join(<-failed, <-failed, <-failed); err != nil {
		return err
	}
	fmt.Println("done")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func raiseFiles(n uint64) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: max(r.Cur, n), Max: max(r.Max, n)})
}

// sixes is how many of n connections are of IPv6: one in twenty.
func sixes(n int) int { return n / 20 }

func listen(at netip.AddrPort) (fd, port int, err error) {
	fd, err = unix.Socket(family(at), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	if err := errors.Join(unix.Bind(fd, sockaddr(at)), unix.Listen(fd, 4096)); err != nil {
		return 0, 0, err
	}
	sa, err := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		port = sa.Port
	case *unix.SockaddrInet6:
		port = sa.Port
	}
	return fd, port, err
}

func family(a netip.AddrPort) int {
	if a.Addr().Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// acceptAll reads from every second connection what came with it, so that some queues are empty and some are not.
func acceptAll(l, n int) error {
	buf := make([]byte, 4096)
	for i := range n {
		fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
		if err == nil && i%2 == 1 {
			_, err = unix.Read(fd, buf)
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
	}
	return nil
}

func connectAll(n, index, p4, p6 int) error {
	buf := make([]byte, 2048)
	for i := range n {
		fd, err := connectOne(i, n, index, p4, p6)
		if err == nil {
			_, err = unix.Write(fd, buf[:64+i%1000])
		}
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
	}
	return nil
}

// perAddress bounds the connections from one source address: the more there are, the longer the kernel looks for a port.
const perAddress = 9000

// connectOne makes connection i of n. The first ones are of IPv6; those of IPv4 come from several source addresses.
func connectOne(i, n, index, p4, p6 int) (int, error) {
	if i < sixes(n) {
		return connectTo(netip.AddrPort{}, netip.AddrPortFrom(netip.IPv6Loopback(), uint16(p6)))
	}
	from := netip.AddrFrom4([4]byte{127, 1, byte(index), byte(2 + i/perAddress)})
	return connectTo(netip.AddrPortFrom(from, 0), netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(p4)))
}

func connectTo(from, to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(family(to), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fd, err
	}
	if from.IsValid() { // the port is chosen when the peer is known, so that one port serves many peers
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1), unix.Bind(fd, sockaddr(from)))
	}
	return fd, errors.Join(err, unix.Connect(fd, sockaddr(to)))
}
