//go:build !linux

package alert

import "os/exec"

func setApart(*exec.Cmd) {}

func run(cmd *exec.Cmd) error { return cmd.Run() }
