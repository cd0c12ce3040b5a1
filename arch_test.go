package sockeye_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/sockeye-net/sockeye"

// layer is a row of the picture in docs/architecture.md. A package imports only packages of lower rank; those of the
// layers marked peers may import each other too.
type layer struct {
	rank  int
	peers bool
	libs  []string // what it may import from outside of the standard library, by prefix
	dirs  []string
}

const xsys = "golang.org/x/sys/"

// Where a layer may use a library, it is the one that DESIGN's table names for its subject.
var layers = map[string]layer{
	"decoders": {rank: 0, peers: true, dirs: []string{"internal/rawsock", "internal/nlmsg", "internal/inetdiag", "internal/rtlink", "internal/procfs",
		"internal/miblayout", "internal/ntlayout", "internal/btf",
		"internal/geodat", "internal/qqwry", "internal/xdb", "internal/ipdb", "internal/geolegacy"}},
	"calls": {rank: 1, peers: true, libs: []string{xsys}, dirs: []string{"internal/netlink", "internal/uring", "internal/epoll", "internal/bpf",
		"internal/sockiter", "internal/sockevent", "internal/fdwalk", "internal/netns",
		"internal/iphlpapi", "internal/iocp", "internal/mswsock", "internal/ntpipe", "internal/unixpipe"}},
	"see":     {rank: 2, libs: []string{xsys, "github.com/oschwald/maxminddb-golang/v2", "golang.org/x/text/"}, dirs: []string{"netstat", "ifstat", "geoip"}},
	"finders": {rank: 3, peers: true, libs: []string{"github.com/BurntSushi/toml"}, dirs: []string{"internal/config", "internal/geodb"}},
	"fetch":   {rank: 3, libs: []string{xsys}, dirs: []string{"internal/geofetch"}},
	"watch":   {rank: 3, libs: []string{xsys}, dirs: []string{"watch"}},
	"do":      {rank: 3, libs: []string{xsys}, dirs: []string{"internal/act", "internal/ports"}},
	"view":    {rank: 4, dirs: []string{"internal/view", "internal/annotate"}},
	"records": {rank: 5, libs: []string{"modernc.org/sqlite", "github.com/prometheus/", "go.opentelemetry.io/"}, dirs: []string{"internal/history", "internal/metrics"}},
	"heralds": {rank: 6, libs: []string{xsys}, dirs: []string{"internal/alert"}},
	"screens": {rank: 7, libs: []string{xsys, "golang.org/x/term", "charm.land/"}, dirs: []string{"internal/tui", "internal/web"}},
	"line":    {rank: 8, libs: []string{xsys, "golang.org/x/term", "github.com/spf13/"}, dirs: []string{"internal/cli"}},
	"command": {rank: 9, dirs: []string{"cmd/sockeye"}},

	// The other half. It meets the first only in the command line.
	"completion": {rank: 2, libs: []string{xsys}, dirs: []string{"completion"}},
	"sockex":     {rank: 3, libs: []string{xsys}, dirs: []string{"sockex"}},
	"pipe":       {rank: 4, libs: []string{xsys}, dirs: []string{"pipe"}},
	"relay":      {rank: 5, libs: []string{xsys}, dirs: []string{"internal/relay"}},
	"keys":       {rank: 0, libs: []string{"filippo.io/edwards25519/field"}, dirs: []string{"internal/cpace"}},
	"transfer":   {rank: 5, libs: []string{xsys, "golang.org/x/text/"}, dirs: []string{"internal/transfer"}},

	// Tests and measurements stand outside: nothing but them imports them, and they may import everything.
	"proof": {rank: 10, peers: true, libs: []string{""}, dirs: []string{".", "internal/testutil", "internal/testutil/truth",
		"internal/testutil/maker", "internal/testutil/testdb", "bench/...", "examples/..."}},
}

// see and move are the layers of the two halves, which do not know each other.
var see, move = []string{"see", "watch", "do", "view"}, []string{"completion", "sockex", "pipe", "relay", "transfer"}

// pkg is what we ask go list for.
type pkg struct {
	ImportPath string
	Imports    []string
	CgoFiles   []string
}

func TestImports(t *testing.T) {
	for _, system := range []string{"linux", "windows"} {
		t.Run(system, func(t *testing.T) {
			for _, p := range list(t, system) {
				checkPackage(t, p)
			}
		})
	}
}

// list asks the go command, so that build tags and file names count as in a build for that system.
func list(t *testing.T, system string) (all []pkg) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,CgoFiles", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go list: ", err)
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func checkPackage(t *testing.T, p pkg) {
	name := layerOf(p.ImportPath)
	if name == "" {
		t.Errorf("%s has no layer: give it one in arch_test.go and docs/architecture.md", p.ImportPath)
		return
	}
	for _, imp := range p.Imports {
		switch {
		case ours(imp):
			checkInner(t, p.ImportPath, name, imp)
		case strings.Contains(first(imp), ".") && !allowed(layers[name].libs, imp):
			t.Errorf("%s (%s) imports %s", p.ImportPath, name, imp)
		}
	}
}

func checkInner(t *testing.T, from, name, imp string) {
	to := layerOf(imp)
	a, b := layers[name], layers[to]
	switch {
	case b.rank > a.rank, b.rank == a.rank && (name != to || !a.peers):
		t.Errorf("%s (%s) imports %s (%s), which is not below it", from, name, imp, to)
	case in(see, name) && in(move, to), in(move, name) && in(see, to):
		t.Errorf("%s (%s) imports %s (%s) of the other half", from, name, imp, to)
	}
}

func ours(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

func first(path string) string {
	s, _, _ := strings.Cut(path, "/")
	return s
}

func allowed(libs []string, path string) bool {
	for _, l := range libs {
		if strings.HasPrefix(path, l) {
			return true
		}
	}
	return false
}

func in(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

func layerOf(path string) string {
	dir := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	if dir == "" {
		dir = "."
	}
	for name, l := range layers {
		for _, d := range l.dirs {
			tree, isTree := strings.CutSuffix(d, "/...")
			if d == dir || isTree && (dir == tree || strings.HasPrefix(dir, tree+"/")) {
				return name
			}
		}
	}
	return ""
}

// Decoders take bytes: they build everywhere, and make no system call.
func TestDecoders(t *testing.T) {
	for _, dir := range layers["decoders"].dirs {
		files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !strings.HasSuffix(f, "_test.go") {
				checkDecoder(t, f, parse(t, f))
			}
		}
	}
}

func checkDecoder(t *testing.T, name string, f *ast.File) {
	for _, suffix := range []string{"_linux.go", "_windows.go", "_other.go", "_unix.go", "_amd64.go", "_arm64.go", "_386.go"} {
		if strings.HasSuffix(name, suffix) {
			t.Errorf("%s: a decoder is for every system", name)
		}
	}
	for _, group := range f.Comments {
		if group.Pos() < f.Package && strings.Contains(text(group), "//go:build") {
			t.Errorf("%s: a decoder carries no build tag", name)
		}
	}
	for _, imp := range imports(f) {
		if imp == "os/exec" || strings.HasPrefix(imp, xsys) {
			t.Errorf("%s: a decoder imports %s", name, imp)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && isName(s.X, "syscall") && s.Sel.Name != "Errno" {
			t.Errorf("%s: a decoder uses syscall.%s; only the type of error numbers is a value like others", name, s.Sel.Name)
		}
		return true
	})
}

func isName(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// text is a comment with its directives, which CommentGroup.Text leaves out.
func text(g *ast.CommentGroup) (s string) {
	for _, c := range g.List {
		s += c.Text + "\n"
	}
	return s
}

// No cgo, no file that nobody reads to its end, and a main that only starts the command.
func TestFiles(t *testing.T) {
	for _, name := range goFiles(t) {
		f := parse(t, name)
		for _, imp := range imports(f) {
			if imp == "C" {
				t.Errorf("%s uses cgo", name)
			}
		}
		if n := lines(t, name); n > 700 && !ast.IsGenerated(f) {
			t.Errorf("%s has %d lines, more than 700", name, n)
		}
	}
	if n := lines(t, filepath.Join("cmd", "sockeye", "main.go")); n > 40 {
		t.Errorf("cmd/sockeye/main.go has %d lines, more than 40", n)
	}
}

// goFiles are those of this module, and of the modules nested in it.
func goFiles(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func parse(t *testing.T, name string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func imports(f *ast.File) (paths []string) {
	for _, i := range f.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			paths = append(paths, p)
		}
	}
	return paths
}

func lines(t *testing.T, name string) int {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte("\n"))
}
