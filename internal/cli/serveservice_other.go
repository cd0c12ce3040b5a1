//go:build !windows

package cli

import (
	"context"
	"errors"
)

var errNoService = errors.New("services are Windows'; here copy packaging/sockeye-serve.service to /etc/systemd/system, and systemctl enable --now sockeye-serve")

func (e *Env) install([]string) error { return errNoService }

func (e *Env) uninstall() error { return errNoService }

func (e *Env) runService(context.Context, *serveFlags) error { return errNoService }
