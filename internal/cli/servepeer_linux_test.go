package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

func TestMayControl(t *testing.T) {
	own := uint32(os.Geteuid())
	for peer, may := range map[*pipe.Identity]bool{{}: false, {User: "x", UID: own}: true, {User: "0"}: true, {User: "x", UID: own + 1}: false} {
		if mayControl(*peer) != may {
			t.Errorf("%+v", peer)
		}
	}
}

// TestOtherUser: what another user of the machine gets of a server of root: by HTTP no word about processes, by the pipe
// nothing.
func TestOtherUser(t *testing.T) {
	testutil.NeedRoot(t)
	const folder = "SOCKEYE_TEST_SERVER"
	dir := testutil.PublicDir(t)
	s := serveHere(t, "--pipe", filepath.Join(dir, "p"))
	testutil.RunTest(t, "TestAsOtherUser", testutil.Child{UID: 1234, Env: []string{folder + "=" + dir, "SOCKEYE_TEST_URL=" + s.url}})
}

// TestAsOtherUser is that user.
func TestAsOtherUser(t *testing.T) {
	testutil.IsPart(t, "TestOtherUser", testutil.Child{UID: 1234})
	dir := os.Getenv("SOCKEYE_TEST_SERVER")
	var out, errs bytes.Buffer
	if code := realEnv(&out, &errs).Run(context.Background(), []string{"serve", "status", "--pipe", filepath.Join(dir, "p")}); code != exitUnknown || out.Len() > 0 {
		t.Errorf("over the pipe: %d %s %s", code, out.String(), errs.String())
	}
	resp, err := http.Get(os.Getenv("SOCKEYE_TEST_URL") + "/api/sockets?format=json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc farDocument
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Sockets {
		if len(s.Owners) > 0 || s.Module != "" || strings.Contains(fmt.Sprint(s), "cli.test") {
			t.Errorf("%+v", s)
		}
	}
	if len(doc.Sockets) == 0 {
		t.Error("it sees no socket")
	}
}
