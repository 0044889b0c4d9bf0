package node

import (
	"strings"
	"testing"

	"tallyman/internal/testing/must"
)

func TestAxeIsInstalled(t *testing.T) {
	got, err := Axe(t.Context())
	must.OK(t, err)
	if !strings.Contains(got[:200], "axe v4") {
		t.Errorf("it begins with %.200q", got)
	}
}

func TestWithoutNpmTheErrorNamesIt(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if _, err := Modules(t.Context()); err == nil || !strings.Contains(err.Error(), "install it (apt-get install npm)") {
		t.Errorf("it says: %v", err)
	}
}
