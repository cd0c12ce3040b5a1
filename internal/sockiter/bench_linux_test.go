package sockiter

import "testing"

func BenchmarkReadLayout(b *testing.B) {
	for b.Loop() {
		if _, err := readLayout(); err != nil {
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
		if _, err := w.Run(want); err != nil {
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
		if _, err := f.Run(want); err != nil {
			b.Fatal(err)
		}
	}
}
