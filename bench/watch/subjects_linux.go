package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
)

// subject is one program that is measured.
type subject struct {
	name   string
	args   []string
	ours   bool
	repeat bool                       // run anew each second
	learn  func(line []byte, t *told) // what a line of its output tells; nil where that is not of sockets opened and closed
	target float64                    // processor time, in percent of a core; 0 for none
}

// The targets are the project's own.
const (
	targetBPF     = 1.0
	targetNotices = 3.0
	targetRatio   = 30 // times less than mainPeer
	mainPeer      = "ss -tanpi, once a second"
)

// subjects are all that watch the load, in the order in which they take turns.
func subjects(o options) []subject {
	sockeye := filepath.Join(o.bin, "sockeye")
	return []subject{
		{name: mainPeer, args: []string{"ss", "-tanpi"}, repeat: true},
		{name: "ss -ti, once a second", args: []string{"ss", "-ti"}, repeat: true},
		{name: "gopsutil net.Connections, once a second", args: []string{filepath.Join(o.bin, "gopsutilpoll")}, learn: learnSum},
		nethogs(),
		bandwhich(o),
		lookWithBPF("1s", targetBPF),
		lookWithoutBPF("1s", targetNotices),
		{name: "sockeye watch --jsonl", args: []string{sockeye, "watch", "--jsonl", "--method", "bpf"}, ours: true, learn: learnEvent, target: targetBPF},
		{name: "sockeye watch --jsonl, without BPF", args: withoutBPF(sockeye, "watch", "--jsonl", "--method", "notices"), ours: true, learn: learnEvent, target: targetNotices},
		{name: "sockeye traffic --by process --jsonl", args: []string{sockeye, "traffic", "--by", "process", "--jsonl"}, ours: true},
		{name: "sockeye traffic --jsonl", args: []string{sockeye, "traffic", "--jsonl"}, ours: true},
	}
}

// lookWithBPF and lookWithoutBPF are a program that uses package watch.
func lookWithBPF(interval string, target float64) subject {
	return subject{name: "package watch", args: []string{"/proc/self/exe", "look", "bpf", interval}, ours: true, learn: learnSum, target: target}
}

func lookWithoutBPF(interval string, target float64) subject {
	return subject{name: "package watch, without BPF", args: withoutBPF("/proc/self/exe", "look", "notices", interval), ours: true, learn: learnSum, target: target}
}

func nethogs() subject {
	return subject{name: "nethogs", args: []string{"nethogs", "-t", "-d", "1", "-a"}}
}

func bandwhich(o options) subject {
	return subject{name: "bandwhich", args: []string{o.bandwhich, "--raw", "--no-resolve", "--interface", "lo"}}
}

// learnSum reads the sum that a program prints when it ends.
func learnSum(line []byte, t *told) { _ = json.Unmarshal(line, t) }

// learnEvent reads a line of sockeye watch --jsonl. It looks for the words only, because it shares the processors with what
// is measured.
func learnEvent(line []byte, t *told) {
	switch {
	case bytes.Contains(line, []byte(`"event":"opened"`)):
		t.Opened++
	case bytes.Contains(line, []byte(`"event":"closed"`)):
		t.Closed++
		if bytes.Contains(line, []byte(`"inferred":true`)) {
			t.Inferred++
		}
		if bytes.Contains(line, []byte(`"owners":[{`)) {
			t.Owned++
		}
	case bytes.Contains(line, []byte(`"event":"overflow"`)):
		var e struct{ Lost uint64 }
		_ = json.Unmarshal(line, &e)
		t.Overflows, t.Lost = t.Overflows+1, t.Lost+e.Lost
	}
}
