package web

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestBoundsDocument: docs/api.md states the bounds as they are.
func TestBoundsDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(text)), " ")
	for _, says := range []string{
		fmt.Sprintf("(`--max-viewers`) | %d, with those of strangers | %d |", DefaultMaxViewers, share(DefaultMaxViewers)),
		fmt.Sprintf("(a topic with its filter) | %d | %d, beside", maxChannels, share(maxChannels)),
		fmt.Sprintf("written at once | %d | %d, beside", maxRendering, share(maxRendering)),
		fmt.Sprintf("not taken yet | %d MiB | %d MiB, beside", mostSending(Full)>>20, mostSending(Public)>>20),
		fmt.Sprintf("answered at once | %d | none |", maxAsking),
		fmt.Sprintf("for its header (%d KiB at most)", maxHeader>>10),
		fmt.Sprintf("up to %d KiB. There are %d connections", maxFilter>>10, maxConnections),
		fmt.Sprintf("a body above %d KiB", maxBody>>10),
		fmt.Sprintf("more than %d MiB or %d frames behind", maxBehind>>20, queueLength),
	} {
		if !strings.Contains(words, says) {
			t.Errorf("docs/api.md does not say %q", says)
		}
	}
	if headerTimeout != 5*time.Second || requestTimeout != 10*time.Second || answerTimeout != 30*time.Second || frameTimeout != 10*time.Second {
		t.Error("docs/api.md has other times: five, ten, thirty and ten seconds")
	}
}
