package axe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAxeIsThere(t *testing.T) {
	got, err := Script(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got[:200], "axe v"+version) {
		t.Errorf("it begins with %.200q", got)
	}
}

func TestAKeptFileThatIsDamagedIsFetchedAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, archive), []byte("alert(1)"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := script(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, archive))
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(b); err != nil {
		t.Error(err)
	}
	b[len(b)/2] ^= 1
	if err := verify(b); err == nil {
		t.Error("a flipped bit is not noticed")
	}
}

func TestWithoutNpmItSaysWhatIsMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := script(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "install npm") {
		t.Errorf("it says: %v", err)
	}
}
