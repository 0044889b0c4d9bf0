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

// The names of the files that WriteDir writes.
const (
	PDFName       = "bol.pdf"
	OrdersName    = "orders.csv"
	ExpectedName  = "expected-sheet.csv"
	UnmatchedName = "expected-unmatched.csv"
)

// WriteDir writes the four files into dir, which it makes if there is none. It
// writes them aside and moves them into place when all are complete: no file is
// ever there by half, and if one cannot be moved, those moved before it are taken
// away again.
//
// Files of these names that are there already are replaced if replace is true,
// else they are kept and WriteDir fails: orders.csv is a likely name for
// something that somebody needs. It fails with fault.Unwritable.
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
