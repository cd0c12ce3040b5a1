package web

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// readToken takes the first line. Others must not be able to read the file. Its group may: that is how Prometheus' user gets at
// it, and how a file looks that systemd gives to a service (an access list shows as the group's rights). On Windows its access
// list is not looked at.
func readToken(f *os.File) (string, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return "", fmt.Errorf("the token: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("the token: %s is no regular file", f.Name())
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o027 != 0:
		return "", fmt.Errorf("the token: others may read or write %s: chmod 600 it", f.Name())
	}
	text, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	token, _, _ := strings.Cut(string(text), "\n")
	token = strings.TrimSpace(token)
	if len(token) < leastToken {
		return "", fmt.Errorf("the token: that in %s has %d characters, it needs %d", f.Name(), len(token), leastToken)
	}
	return token, nil
}
