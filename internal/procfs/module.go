package procfs

import "strings"

// Module is what a person calls a control group, by its path:
//
//   - a container is its engine and the first 12 digits of its id, as the engine's own tools show it: "docker:3f2a9c1b77de",
//     "podman:...", "containerd:...", "cri-o:...", "container:..." where the path does not tell the engine; "lxc:NAME";
//     "machine:NAME" for one of systemd-machined;
//   - a container in a Kubernetes pod is "kubernetes:UID" with the pod's uid;
//   - a systemd unit is its name: "nginx.service", also for a user's unit; "openrc:NAME" for a service of OpenRC;
//   - "" is a login session, or no group at all.
//
// A container counts more than a unit inside or around it.
func Module(path string) string {
	if m := containerOf(path); m != "" {
		return m
	}
	return unitOf(path)
}

// containerOf finds the innermost container.
func containerOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if uid := podOf(parts); uid != "" {
		return "kubernetes:" + uid
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if m := scopeContainer(parts[i]); m != "" {
			return m
		}
		if m := nestedContainer(parts[:i], parts[i]); m != "" {
			return m
		}
	}
	return ""
}

// podOf finds the uid of a Kubernetes pod. With the systemd driver it is a slice, kubepods-burstable-podUID.slice, which
// may stand in one name with the container's id behind ':'; otherwise a directory podUID below kubepods.
func podOf(parts []string) string {
	uid, below := "", false
	for _, p := range parts {
		p, _, _ = strings.Cut(p, ":")
		rest := strings.TrimSuffix(p, ".slice")
		kube := strings.HasPrefix(rest, "kubepods") || strings.HasPrefix(rest, "kubelet-kubepods")
		if i := strings.LastIndex(rest, "-pod"); kube && i >= 0 {
			uid = strings.ReplaceAll(rest[i+len("-pod"):], "_", "-")
		} else if below && strings.HasPrefix(rest, "pod") {
			uid = rest[len("pod"):]
		}
		below = below || kube
	}
	return uid
}

// engines are the names in front of a container's id, and what the engine is called. One that is a part of another
// comes after it.
var engines = []struct{ prefix, name string }{
	{"docker-", "docker"},
	{"libpod-", "podman"},
	{"cri-containerd-", "containerd"},
	{"nerdctl-", "containerd"},
	{"crio-", "cri-o"},
}

// scopeContainer knows the names that tell all by themselves.
func scopeContainer(p string) string {
	name := strings.TrimSuffix(p, ".scope")
	for _, e := range engines {
		if id, ok := strings.CutPrefix(name, e.prefix); ok && isID(id) {
			return e.name + ":" + id[:12]
		}
	}
	if lxc, ok := strings.CutPrefix(p, "lxc.payload."); ok && lxc != "" {
		return "lxc:" + lxc
	}
	if m, ok := strings.CutPrefix(name, "machine-"); ok && name != p && m != "" {
		return "machine:" + strings.ReplaceAll(m, `\x2d`, "-")
	}
	return ""
}

// nestedContainer knows the names that mean a container because of what they are in.
func nestedContainer(above []string, p string) string {
	parent := ""
	if len(above) > 0 {
		parent = above[len(above)-1]
	}
	if parent == "lxc" || parent == "lxc.payload" {
		return "lxc:" + p
	}
	if unit, ok := strings.CutPrefix(parent, "systemd-nspawn@"); ok && p == "payload" {
		return "machine:" + strings.TrimSuffix(unit, ".service")
	}
	if _, id, ok := strings.Cut(p, ":cri-containerd:"); ok && isID(id) {
		return "containerd:" + id[:12]
	}
	if len(p) != 64 || !isID(p) {
		return ""
	}
	for _, a := range above {
		if a == "docker" || a == "ecs" || a == "actions_job" {
			return "docker:" + p[:12]
		}
	}
	return "container:" + p[:12]
}

// isID reports whether a name is a container's id, mostly 64 digits.
func isID(s string) bool {
	for i := range len(s) {
		if digit(s[i]) > 15 {
			return false
		}
	}
	return len(s) >= 12
}

// unitOf finds the innermost unit that means something.
func unitOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i := len(parts) - 1; i >= 0; i-- {
		p := parts[i]
		switch {
		case isSession(p):
			return ""
		case p == "init.scope" && i > 0:
			// a manager inside something: that is its name
		case isUnit(p):
			return p
		case strings.HasPrefix(p, "openrc.") && len(p) > len("openrc."):
			return "openrc:" + p[len("openrc."):]
		}
	}
	return ""
}

// isUnit: swap and mount units have helper processes, socket units have those of Accept= before they run.
func isUnit(p string) bool {
	for _, suffix := range []string{".service", ".scope", ".socket", ".mount", ".swap"} {
		if len(p) > len(suffix) && strings.HasSuffix(p, suffix) {
			return true
		}
	}
	return false
}

// isSession: a login session, or a tab of a terminal, which some programs give a scope of its own.
func isSession(p string) bool {
	if !strings.HasSuffix(p, ".scope") {
		return false
	}
	for _, prefix := range []string{"session-", "vte-spawn-", "tmux-spawn-"} {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	return false
}
