package netstat

// Capability is one thing that [Probe] looked at: whether it works on this machine, for this user, and if not why and what
// would change that.
type Capability struct {
	Name   string // "bpf-walker", "sock-diag", "cgroup", ...
	Works  bool
	Detail string // what was found
	Remedy string // what to do where it does not work; empty where nothing can be done
}

// Probe tries what the table can be read with and says what works here.
func Probe() []Capability { return probe() }

// PinConfig says what [Pin] leaves in the kernel.
type PinConfig struct {
	// MaxSockets bounds the table that the pinned walker fills; 0 is 262,144 (32 MiB of kernel memory), and less than
	// 4,096 is an error. A machine with more sockets is read as if nothing were pinned.
	MaxSockets int
	// Everyone lets every user read the owner of every socket; without it only root gains (a faster start).
	Everyone bool
}

// Pin leaves the BPF programs that read the table in the kernel, in a BPF file system under /run, until [Unpin] or
// the next boot. It needs root. Programs that open a table afterwards find them by themselves: root starts faster, and, with
// Everyone, ordinary users see the owners of all sockets, which Linux otherwise shows to root only. On Windows the error
// is errors.ErrUnsupported.
//
// What was pinned before is replaced, once the new programs are loaded: an error before that leaves it as it was. Tables
// that were opened with it go on.
func Pin(cfg PinConfig) error {
	if err := pin(cfg); err != nil {
		return &OpError{Op: "pin", Err: err}
	}
	return nil
}

// Unpin removes what Pin left. Nothing pinned is not an error. Tables that were opened with it go on, those of ordinary
// users with what they may see without it.
func Unpin() error {
	if err := unpin(); err != nil {
		return &OpError{Op: "unpin", Err: err}
	}
	return nil
}
