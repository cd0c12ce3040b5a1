//go:build !windows

package cli

import (
	"os"
	"strconv"

	"github.com/sockeye-net/sockeye/pipe"
)

// mayControl reports whether who is at the other end is this user or root.
func mayControl(peer pipe.Identity) bool {
	return peer.User != "" && (peer.UID == 0 || strconv.Itoa(os.Geteuid()) == strconv.FormatUint(uint64(peer.UID), 10))
}
