package sample

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
)

// The names of WriteDir's files.
const (
	PDFName       = "bol.pdf"
	OrdersName    = "orders.csv"
	ExpectedName  = "expected-sheet.csv"
	UnmatchedName = "expected-unmatched.csv"
)

// WriteDir writes the four files into dir, which it creates if necessary. It writes
// temporary files and renames them when all are complete: no file is ever partial,
// and if one cannot be renamed, the others are removed again.
//
// Existing files of these names are replaced if replace is true; otherwise WriteDir
// keeps them and fails, since orders.csv is a likely name for a file that somebody
// needs. It fails with fault.Unwritable.
func (s *Sample) WriteDir(dir string, replace bool) error {
	files := []struct {
		path  string
		write func(io.Writer) error
	}{
		{filepath.Join(dir, PDFName), s.WritePDF},
		{filepath.Join(dir, OrdersName), s.WriteOrders},
		{filepath.Join(dir, ExpectedName), s.WriteExpected},
		{filepath.Join(dir, UnmatchedName), s.WriteUnmatched},
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return atomicfile.Unwritable(dir, err)
	}
	if !replace {
		for _, f := range files {
			if _, err := os.Lstat(f.path); err == nil {
				return fault.New(fault.Unwritable, "%s is there already and is kept; choose an empty directory, or ask for it to be replaced", f.path)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return atomicfile.Unwritable(f.path, err)
			}
		}
	}
	var ready []*atomicfile.File
	for _, f := range files {
		w, err := atomicfile.Create(f.path)
		if err != nil {
			return err
		}
		defer w.Discard()
		if err := f.write(w); err != nil {
			return fmt.Errorf("writing %s: %w", f.path, err)
		}
		ready = append(ready, w)
	}
	for i, w := range ready {
		if err := w.Commit(); err != nil {
			for _, moved := range files[:i] {
				os.Remove(moved.path)
			}
			return err
		}
	}
	return nil
}
