//go:build !windows

package config

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestFifo: nobody writes to it, and nobody waits for that.
func TestFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := Load(vars("SOCKEYE_CONFIG", path))
		failed <- err
	}()
	select {
	case err := <-failed:
		if want := "configuration: " + path + ": not a regular file"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it waits for a writer")
	}
}
