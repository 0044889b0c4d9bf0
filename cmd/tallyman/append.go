package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/sheet"
	"tallyman/internal/text"
)

// growth is a file to which sheets are appended.
type growth struct {
	path   string
	format sheet.Format
	mu     sync.Mutex
}

// newGrowth returns the file of a name, or nil for "".
func newGrowth(path string) (*growth, error) {
	if path == "" {
		return nil, nil
	}
	f, err := sheet.ParseFormat(strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil || f != sheet.CSV && f != sheet.XLSX {
		return nil, fault.New(fault.BadRequest, "%s cannot grow: end the name with .csv or .xlsx", path)
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fault.New(fault.BadRequest, "%s cannot grow, since it is not a file", path)
	}
	return &growth{path: path, format: f}, nil
}

// add appends the rows of a sheet that the file does not have. It fails with the codes of
// sheet.AppendTo, and with fault.Unwritable, also if somebody has the file open.
func (g *growth) add(ctx context.Context, s *sheet.Sheet) (a sheet.Appended, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	dir, base := filepath.Split(g.path)
	lock := flock.New(filepath.Join(dir, "."+base+".lock"))
	locked, err := lock.TryLockContext(ctx, 50*time.Millisecond)
	if err != nil || !locked {
		if ctx.Err() != nil {
			return a, fault.Ended(ctx.Err())
		}
		return a, atomicfile.Unwritable(g.path, err)
	}
	defer lock.Unlock()
	// Spreadsheets leave these beside a file that is open. What they save replaces ours.
	for _, open := range []string{"~$" + base, ".~lock." + base + "#"} {
		if _, err := os.Lstat(filepath.Join(dir, open)); err == nil {
			return a, fault.New(fault.Unwritable, "%s is open in a spreadsheet; close it there (or remove %s, if nobody has)", g.path, filepath.Join(dir, open))
		}
	}
	for range 5 {
		if a, err = g.try(s); !errors.Is(err, errGrew) {
			return a, err
		}
	}
	return a, fault.New(fault.Unwritable, "%s cannot be written: somebody changes it all the time", g.path)
}

// errGrew is the error of a file that was changed while it was read.
var errGrew = errors.New("the file was changed")

func (g *growth) try(s *sheet.Sheet) (a sheet.Appended, err error) {
	before, err := os.Stat(g.path)
	var old []byte
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return a, unreadable(g.path, err)
	case before.Size() > sheet.MostAppended:
		return a, fault.New(fault.TooLarge, "%s has more than %d MB; begin another", g.path, sheet.MostAppended>>20)
	default:
		if old, err = os.ReadFile(g.path); err != nil {
			return a, unreadable(g.path, err)
		}
	}
	now, a, err := s.AppendTo(old, g.format)
	if err != nil {
		return a, fault.In(g.path, err)
	}
	if before != nil && a.Added == 0 {
		return a, nil
	}
	out, err := atomicfile.Create(g.path)
	if err != nil {
		return a, err
	}
	defer out.Discard()
	if _, err := out.Write(now); err != nil {
		return a, err
	}
	after, err := os.Stat(g.path)
	if (err == nil) != (before != nil) || err == nil && (!os.SameFile(before, after) || !before.ModTime().Equal(after.ModTime()) || before.Size() != after.Size()) {
		return a, errGrew
	}
	return a, out.Commit()
}

// said says for people what was appended.
func (g *growth) said(a sheet.Appended) string {
	s := fmt.Sprintf("%s added to %s, %d were there", text.Count(a.Added, "row"), g.path, a.There)
	if n := len(a.Missing); n > 0 {
		s += fmt.Sprintf("; it has no column for %s", text.List(a.Missing, 5, text.Itself))
	}
	return s
}

// logged returns add with a line in the log; nil for no file.
func (g *growth) logged(log *slog.Logger) func(context.Context, *sheet.Sheet) error {
	if g == nil {
		return nil
	}
	return func(ctx context.Context, s *sheet.Sheet) error {
		a, err := g.add(ctx, s)
		if err == nil {
			log.Info("appended", "file", g.path, "added", a.Added, "there", a.There)
		}
		return err
	}
}
