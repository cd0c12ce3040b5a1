package procfs

import (
	"bytes"
	"strings"
)

// Cgroups are the control groups of a process, as paths below the roots of the hierarchies.
type Cgroups struct {
	V2 string   // in the unified hierarchy; empty where there is none
	V1 []string // in the others, each distinct path once; the one systemd names comes first
}

// ParseCgroup parses /proc/PID/cgroup, cgroups(7).
func ParseCgroup(b []byte) (Cgroups, error) {
	var c Cgroups
	for line := range bytes.Lines(b) {
		text := strings.TrimSuffix(string(line), "\n")
		id, rest, ok1 := strings.Cut(text, ":")
		controllers, path, ok2 := strings.Cut(rest, ":")
		if !ok1 || !ok2 || !strings.HasPrefix(path, "/") {
			return c, parseError("cgroup", line)
		}
		path = strings.TrimSuffix(path, " (deleted)")
		if id == "0" && controllers == "" {
			c.V2 = path
			continue
		}
		c.addV1(path, controllers == "name=systemd")
	}
	return c, nil
}

func (c *Cgroups) addV1(path string, first bool) {
	for i, p := range c.V1 {
		if p != path {
			continue
		}
		if first {
			c.V1[0], c.V1[i] = c.V1[i], c.V1[0]
		}
		return
	}
	c.V1 = append(c.V1, path)
	if n := len(c.V1) - 1; first {
		c.V1[0], c.V1[n] = c.V1[n], c.V1[0]
	}
}

// Module is what a person calls the control groups, see [Module]. Where hierarchies differ, a container in any of them
// counts more than a unit: engines on mixed systems put the container in one and leave their own unit in the others.
func (c *Cgroups) Module() string {
	for _, path := range append([]string{c.V2}, c.V1...) {
		if m := containerOf(path); m != "" {
			return m
		}
	}
	for _, path := range append([]string{c.V2}, c.V1...) {
		if m := unitOf(path); m != "" {
			return m
		}
	}
	return ""
}
