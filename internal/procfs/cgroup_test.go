package procfs

import (
	"slices"
	"strings"
	"testing"
)

const id = "3f2a9c1b77de0123456789abcdef0123456789abcdef0123456789abcdef0123"

func TestModule(t *testing.T) {
	for path, want := range map[string]string{
		"/":                             "",
		"":                              "",
		"/system.slice":                 "",
		"/init.scope":                   "init.scope",
		"/system.slice/nginx.service":   "nginx.service",
		"/system.slice/ssh.service/sub": "ssh.service",
		"/system.slice/system-getty.slice/getty@tty1.service":                                                       "getty@tty1.service",
		"/system.slice/system-postgresql.slice/postgresql@14-main.service":                                          "postgresql@14-main.service",
		"/system.slice/cups.socket":                                                                                 "cups.socket",
		"/system.slice/docker.service":                                                                              "docker.service",
		"/system.slice/snap.lxd.daemon.service":                                                                     "snap.lxd.daemon.service",
		"/user.slice/user-1000.slice/session-3.scope":                                                               "",
		"/user.slice/user-1000.slice/user@1000.service":                                                             "user@1000.service",
		"/user.slice/user-1000.slice/user@1000.service/init.scope":                                                  "user@1000.service",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service":                                       "foo.service",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-firefox-4321.scope":                      "app-gnome-firefox-4321.scope",
		"/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-0a1b.scope": "",
		"/user.slice/user-1000.slice/user@1000.service/tmux-spawn-0a1b.scope":                                       "",
		"/user.slice/user-1000.slice/session-c1.scope/inner":                                                        "",
		"/../../system.slice/cron.service":                                                                          "cron.service",
		"/openrc.sshd":                                                                                              "openrc:sshd",
		"/system.slice/run-u12.service":                                                                             "run-u12.service",

		"/docker/" + id: "docker:3f2a9c1b77de",
		"/docker/" + id + "/system.slice/nginx.service":                                    "docker:3f2a9c1b77de",
		"/system.slice/docker-" + id + ".scope":                                            "docker:3f2a9c1b77de",
		"/system.slice/docker-" + id + ".scope/init.scope":                                 "docker:3f2a9c1b77de",
		"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + id + ".scope": "docker:3f2a9c1b77de",
		"/actions_job/" + id: "docker:3f2a9c1b77de",
		"/ecs/0123/" + id:    "docker:3f2a9c1b77de",
		"/docker/" + strings.Repeat("a", 64) + "/docker/" + id:                                       "docker:3f2a9c1b77de",
		"/machine.slice/libpod-" + id + ".scope":                                                     "podman:3f2a9c1b77de",
		"/machine.slice/libpod-" + id + ".scope/container":                                           "podman:3f2a9c1b77de",
		"/libpod_parent/libpod-" + id:                                                                "podman:3f2a9c1b77de",
		"/machine.slice/libpod-conmon-" + id + ".scope":                                              "libpod-conmon-" + id + ".scope",
		"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope/container": "podman:3f2a9c1b77de",
		"/system.slice/cri-containerd-" + id + ".scope":                                              "containerd:3f2a9c1b77de",
		"/system.slice/crio-" + id + ".scope":                                                        "cri-o:3f2a9c1b77de",
		"/system.slice/nerdctl-" + id + ".scope":                                                     "containerd:3f2a9c1b77de",
		"/system.slice:cri-containerd:" + id:                                                         "containerd:3f2a9c1b77de",
		"/garden/" + id:                                                                              "container:3f2a9c1b77de",

		"/kubepods/burstable/pod2e6c6ba8-8d7f-4f0e-9d5e-1a2b3c4d5e6f/" + id:                                                                                      "kubernetes:2e6c6ba8-8d7f-4f0e-9d5e-1a2b3c4d5e6f",
		"/kubepods/pod2e6c6ba8-8d7f-4f0e-9d5e-1a2b3c4d5e6f/" + id:                                                                                                "kubernetes:2e6c6ba8-8d7f-4f0e-9d5e-1a2b3c4d5e6f",
		"/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/" + id:                                                                                         "kubernetes:0123456789abcdef0123456789abcdef",
		"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2e6c6ba8_8d7f_4f0e_9d5e_1a2b3c4d5e6f.slice/cri-containerd-" + id + ".scope":              "kubernetes:2e6c6ba8-8d7f-4f0e-9d5e-1a2b3c4d5e6f",
		"/kubepods.slice/kubepods-pod2e6c6ba8_8d7f_4f0e_9d5e_1a2b3c4d5e6f.slice/crio-" + id + ".scope":                                                           "kubernetes:2e6c6ba8-8d7f-4f0e-9d5e-1a2b3c4d5e6f",
		"/system.slice/containerd.service/kubepods-burstable-pod2e6c6ba8_8d7f_4f0e_9d5e_1a2b3c4d5e6f.slice:cri-containerd:" + id:                                 "kubernetes:2e6c6ba8-8d7f-4f0e-9d5e-1a2b3c4d5e6f",
		"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/kubelet-kubepods-besteffort-pod2e6c_6ba8.slice/cri-containerd-" + id + ".scope": "kubernetes:2e6c-6ba8",
		"/docker/" + id + "/kubelet/kubepods/besteffort/pod2e6c-6ba8/" + id:                                                                                      "kubernetes:2e6c-6ba8",
		"/kubepods.slice":         "",
		"/podman-thing/x.service": "x.service",

		"/lxc.payload.web1":                                             "lxc:web1",
		"/lxc.payload.web1/system.slice/nginx.service":                  "lxc:web1",
		"/lxc.payload/web1/init.scope":                                  "lxc:web1",
		"/lxc/101/ns/system.slice/ssh.service":                          "lxc:101",
		"/lxc/web1":                                                     "lxc:web1",
		"/lxc.monitor.web1":                                             "",
		"/machine.slice/machine-web1.scope":                             "machine:web1",
		`/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator`: "machine:qemu-1-vm",
		"/machine.slice/systemd-nspawn@web1.service/payload/system.slice/ssh.service": "machine:web1",

		"/docker/short":                "",
		"/docker/buildkit":             "",
		"/system.slice/docker-x.scope": "docker-x.scope",
		"/.service":                    "",
		"//":                           "",
	} {
		if got := Module(path); got != want {
			t.Errorf("Module(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for _, c := range []struct {
		in, v2 string
		v1     []string
		module string
	}{
		{"0::/system.slice/nginx.service\n", "/system.slice/nginx.service", nil, "nginx.service"},
		{"0::/\n", "/", nil, ""},
		{"", "", nil, ""},
		{"3:cpu,cpuacct:/\n2:memory:/docker/" + id + "\n1:name=systemd:/docker/" + id + "\n0::/system.slice/containerd.service\n",
			"/system.slice/containerd.service", []string{"/docker/" + id, "/"}, "docker:3f2a9c1b77de"},
		{"2:pids:/a\n1:name=systemd:/system.slice/a:b.service (deleted)\n", "", []string{"/system.slice/a:b.service", "/a"}, "a:b.service"},
		{"2:pids:/a\n1:name=systemd:/a", "", []string{"/a"}, ""},
	} {
		got, err := ParseCgroup([]byte(c.in))
		if err != nil || got.V2 != c.v2 || !slices.Equal(got.V1, c.v1) || got.Module() != c.module {
			t.Errorf("%q: %+v, %q, %v", c.in, got, got.Module(), err)
		}
	}
	for _, bad := range []string{"x\n", "0:\n", "0::\n", "0::x\n"} {
		if c, err := ParseCgroup([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, c)
		}
	}
}

func FuzzModule(f *testing.F) {
	f.Add("/docker/" + id)
	f.Add("/kubepods/burstable/pod2e6c/x")
	f.Add("/lxc/101/ns")
	f.Add("/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service")
	f.Fuzz(func(t *testing.T, path string) { Module(path) })
}
