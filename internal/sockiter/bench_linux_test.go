package sockiter

import "testing"

type nothing struct{}

func (nothing) Begin()     {}
func (nothing) Take(Batch) {}

func BenchmarkReadLayout(b *testing.B) {
	for b.Loop() {
		if _, err := readLayout(walkerFunctions); err != nil {
			needBPF(b, err)
		}
	}
}

func BenchmarkNewWalker(b *testing.B) {
	for b.Loop() {
		w, err := NewWalker(4096)
		needBPF(b, err)
		w.Close()
	}
}

func BenchmarkNewFiles(b *testing.B) {
	for b.Loop() {
		w, err := NewFiles()
		needBPF(b, err)
		w.Close()
	}
}

func BenchmarkRun(b *testing.B) {
	w, err := NewWalker(4096)
	needBPF(b, err)
	defer w.Close()
	want := &Want{Info: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Run(want, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunFiles(b *testing.B) {
	f, err := NewFiles()
	needBPF(b, err)
	defer f.Close()
	want := &Want{Info: true}
	b.ReportAllocs()
	for b.Loop() {
		if err := f.Run(want, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}
