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
	TruthName     = "truth.json"
)

// output is a file of WriteDir.
type output struct {
	name  string
	write func(io.Writer) error
}

// outputs returns the files of the sample: the expected sheets of the known form, or what
// another form prints.
func (s *Sample) outputs() []output {
	files := []output{{PDFName, s.WritePDF}, {OrdersName, s.WriteOrders}}
	if s.form != Straight {
		return append(files, output{TruthName, s.WriteTruth})
	}
	return append(files, output{ExpectedName, s.WriteExpected}, output{UnmatchedName, s.WriteUnmatched})
}

// FileNames returns the names of WriteDir's files.
func (s *Sample) FileNames() (names []string) {
	for _, f := range s.outputs() {
		names = append(names, f.name)
	}
	return names
}

// WriteDir writes the files of the sample into dir, which it creates if necessary. It writes
// temporary files and renames them when all are complete: no file is ever partial,
// and if one cannot be renamed, the others are removed again.
//
// Existing files of these names are replaced if replace is true; otherwise WriteDir
// keeps them and fails, since orders.csv is a likely name for a file that somebody
// needs. It fails with fault.Unwritable.
func (s *Sample) WriteDir(dir string, replace bool) error {
	files := s.outputs()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return atomicfile.Unwritable(dir, err)
	}
	if !replace {
		for _, f := range files {
			path := filepath.Join(dir, f.name)
			if _, err := os.Lstat(path); err == nil {
				return fault.New(fault.Unwritable, "%s is there already and is kept; choose an empty directory, or ask for it to be replaced", path)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return atomicfile.Unwritable(path, err)
			}
		}
	}
	var ready []*atomicfile.File
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		w, err := atomicfile.Create(path)
		if err != nil {
			return err
		}
		defer w.Discard()
		if err := f.write(w); err != nil {
			return fmt.Errorf("writing %s: %w", path, err)
		}
		ready = append(ready, w)
	}
	for i, w := range ready {
		if err := w.Commit(); err != nil {
			for _, moved := range files[:i] {
				os.Remove(filepath.Join(dir, moved.name))
			}
			return err
		}
	}
	return nil
}
