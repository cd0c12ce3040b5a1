package sockeye_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
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
	nameIn      = regexp.MustCompile("`(?:\\w+\\.)?(\\w+)` \\(`([a-z][\\w/]*\\.go)`[,)]")
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
