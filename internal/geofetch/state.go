package geofetch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// state is what is remembered of the file that was fetched, beside it. It counts only for the same address, and only as
// long as the file is the one that was put there: the file's own time would tell neither.
type state struct {
	Source       string    `json:"source"` // the checksum of the address, which may hold a key
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"last_modified,omitempty"`
	SHA256       digest    `json:"sha256"` // of what the server sent
	Ranges       int       `json:"ranges"`
	Size         int64     `json:"size"`
	Modified     time.Time `json:"modified"`
}

const stateSuffix = "state"

func (t *target) statePath() string { return filepath.Join(t.dir, t.prefix()+stateSuffix) }

func sourceOf(address string) string {
	sum := sha256.Sum256([]byte(address))
	return hex.EncodeToString(sum[:])
}

// readState returns the zero state where nothing is known.
func (t *target) readState(address string) (s state) {
	b, err := os.ReadFile(t.statePath())
	if err != nil || t.old == nil || json.Unmarshal(b, &s) != nil {
		return state{}
	}
	if s.Source != sourceOf(address) || s.Size != t.old.Size() || !s.Modified.Equal(t.old.ModTime()) {
		return state{}
	}
	return s
}

// is reports whether what is there is what was asked for.
func (s *state) is(want digest) bool { return want != "" && s.SHA256 == want }

// writeState remembers the file that was put in the place of the target.
func (t *target) writeState(address string, s state) error {
	if err := t.look(); err != nil {
		return err
	}
	s.Source, s.Size, s.Modified = sourceOf(address), t.old.Size(), t.old.ModTime()
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := t.temp()
	if err != nil {
		return err
	}
	defer t.drop(f)
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), t.statePath()); err != nil {
		os.Remove(f.Name())
		return err
	}
	return nil
}
