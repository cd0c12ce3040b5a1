package geofetch

import (
	"os"
	"os/exec"
	"testing"
)

// kill runs an update in a child process and kills that when half of the file has been sent, and some of it written.
func kill(t *testing.T, url, path string, half chan struct{}) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestKilled$", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), killedURL+"="+url, killedFile+"="+path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-half
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child was not killed")
	}
}
