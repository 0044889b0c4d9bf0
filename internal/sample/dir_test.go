package sample

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tallyman/internal/fault"
	"tallyman/internal/testing/must"
)

// names returns the names of the files in dir.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must.OK(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

var four = []string{PDFName, ExpectedName, UnmatchedName, OrdersName}

func TestWriteDirWritesTheFourFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there yet")
	s := invented(t, Defaults())
	must.OK(t, s.WriteDir(dir, false))
	if got := names(t, dir); !slices.Equal(got, four) {
		t.Errorf("the directory holds %q", got)
	}
	got, err := os.ReadFile(filepath.Join(dir, PDFName))
	if err != nil || !slices.Equal(got, must.Written(t, s.WritePDF)) {
		t.Errorf("%s is not what WritePDF writes (%v)", PDFName, err)
	}
}

func TestWriteDirReplacesOnlyIfAsked(t *testing.T) {
	dir := t.TempDir()
	orders := filepath.Join(dir, OrdersName)
	must.OK(t, os.WriteFile(orders, []byte("somebody's"), 0o600))
	s := invented(t, Defaults())
	err := s.WriteDir(dir, false)
	if fault.CodeOf(err) != fault.Unwritable || !strings.Contains(err.Error(), OrdersName) {
		t.Errorf("the error is %v", err)
	}
	if got, _ := os.ReadFile(orders); string(got) != "somebody's" || len(names(t, dir)) != 1 {
		t.Errorf("the directory was touched: %q", names(t, dir))
	}
	must.OK(t, s.WriteDir(dir, true))
	if got, _ := os.ReadFile(orders); !slices.Equal(got, must.Written(t, s.WriteOrders)) {
		t.Error("the file was not replaced")
	}
	if got := names(t, dir); !slices.Equal(got, four) {
		t.Errorf("the directory holds %q", got)
	}
}

func TestWriteDirLeavesNothingBehindWhenItFails(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, dir string) (into string)
		left    []string
	}{
		{"the directory is a file", func(t *testing.T, dir string) string {
			into := filepath.Join(dir, "file")
			must.OK(t, os.WriteFile(into, nil, 0o600))
			return into
		}, []string{"file"}},
		{"a directory has the name of the last file", func(t *testing.T, dir string) string {
			must.OK(t, os.MkdirAll(filepath.Join(dir, UnmatchedName, "in the way"), 0o700))
			return dir
		}, []string{UnmatchedName}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			into := tt.prepare(t, dir)
			if err := invented(t, Defaults()).WriteDir(into, true); fault.CodeOf(err) != fault.Unwritable {
				t.Errorf("the error is %v", err)
			}
			if got := names(t, dir); !slices.Equal(got, tt.left) {
				t.Errorf("the directory holds %q, want %q", got, tt.left)
			}
		})
	}
}
