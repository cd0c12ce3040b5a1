package sockeye_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestDocuments: what the documents point to is there: files behind links, files of Go by their names, and in them what a
// document says is in them.
func TestDocuments(t *testing.T) {
	sources := map[string]string{} // by the end of the path
	documents := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return filepath.SkipDir // not ours
		}
		switch filepath.Ext(path) {
		case ".go", ".md":
		default:
			return nil
		}
		b, err := os.ReadFile(path)
		if path = filepath.ToSlash(path); strings.HasSuffix(path, ".md") {
			documents[path] = string(b)
			return err
		}
		for end := path; ; {
			sources[end] += string(b)
			slash := strings.IndexByte(end, '/')
			if slash < 0 {
				return err
			}
			end = end[slash+1:]
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range documents {
		checkLinks(t, path, text)
		if strings.HasPrefix(path, "docs/") {
			checkPlaces(t, path, text, sources)
		}
	}
}

var markdownLink = regexp.MustCompile(`\]\(([^)\s#]+)(?:#[^)]*)?\)`)

func checkLinks(t *testing.T, path, text string) {
	for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
			t.Errorf("%s: the link to %s: %v", path, m[1], err)
		}
	}
}

var (
	namedSource = regexp.MustCompile("`([a-z][\\w/]*\\.go)`")
	nameIn      = regexp.MustCompile("`(?:\\w+\\.)?(\\w+)` \\(`([a-z][\\w/]*\\.go)`(?:\\)|, [^`])")
)

// checkPlaces looks for files that are named, and for `name` (`file.go`).
func checkPlaces(t *testing.T, path, text string, sources map[string]string) {
	text = strings.Join(strings.Fields(text), " ")
	for _, m := range namedSource.FindAllStringSubmatch(text, -1) {
		if sources[m[1]] == "" {
			t.Errorf("%s: there is no %s", path, m[1])
		}
	}
	for _, m := range nameIn.FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`\b` + m[1] + `\b`).MatchString(sources[m[2]]) {
			t.Errorf("%s: %s is not in %s", path, m[1], m[2])
		}
	}
}

var goBlock = regexp.MustCompile("(?s)```go\n(.*?)```")

// TestReadmeCompiles: the pieces of Go in README.md are what the packages have today.
func TestReadmeCompiles(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	pieces := goBlock.FindAllSubmatch(b, -1)
	if len(pieces) < 6 {
		t.Fatalf("%d pieces", len(pieces))
	}
	dir := t.TempDir()
	for i, m := range pieces {
		name := filepath.Join(dir, strconv.Itoa(i)+".go")
		if err := os.WriteFile(name, []byte(program(string(m[1]))), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("go", "build", "-gcflags=-e", "-o", os.DevNull, name).CombinedOutput()
		if said := complaints(string(out)); err != nil && (said != "" || len(out) == 0) {
			t.Errorf("%v: %s\n%s", err, said, m[1])
		}
	}
}

// known are what pieces may refer to, by the names of the packages.
var known = map[string]string{"context": "context", "fmt": "fmt", "log": "log", "netip": "net/netip", "os": "os", "time": "time",
	"netstat": module + "/netstat", "ifstat": module + "/ifstat", "watch": module + "/watch", "geoip": module + "/geoip",
	"pipe": module + "/pipe", "completion": module + "/completion", "sockex": module + "/sockex"}

// program makes a whole of a piece, with the names that it takes for granted.
func program(piece string) string {
	body := `
var (
	ctx              = context.Background()
	addr             netip.AddrPort
	hello, head, tail []byte
	file             *os.File
)

func main() { _ = piece() }

func piece() error {
` + piece + `
	return nil
}
`
	var b strings.Builder
	b.WriteString("package main\n\n")
	for name, path := range known {
		if regexp.MustCompile(`\b` + name + `\.`).MatchString(body) {
			b.WriteString("import \"" + path + "\"\n")
		}
	}
	return b.String() + body
}

// complaints are the compiler's, but for those that a piece may have.
func complaints(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(line, "declared and not used") {
			b.WriteString(line)
		}
	}
	return b.String()
}
