package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tallyman/internal/atomicfile"
	"tallyman/internal/fault"
	"tallyman/internal/intake"
	"tallyman/internal/pairing"
	"tallyman/internal/sheet"
)

// job is what is to be done with some contents.
type job struct {
	*pairing.Job[*entry]

	to      string // where it ended
	toCheck int    // findings to check
}

var (
	errJournal    = errors.New("the journal cannot be written")
	errUnfinished = errors.New("its folder cannot be moved")
)

// The folders of a job: what was made, and where inputs are until the outcome is certain.
const (
	madeName  = "made"
	takenName = "taken"
)

// at is called at each step of a job, for tests.
func (w *Watcher) at(step string) {
	if w.step != nil {
		w.step(step)
	}
}

// run does a job: wholly, or not at all.
func (w *Watcher) run(ctx context.Context, jb *job) (err error) {
	f := w.folder
	now := time.Now()
	r := jb.Record(now)
	r.To = f.target(jb, now)
	dir := f.own("jobs", r.Job)
	committed := false
	defer func() {
		if !committed && !errors.Is(err, errJournal) {
			err = errors.Join(err, f.undo(r.Job))
		}
	}()
	for _, d := range []string{dir, filepath.Join(dir, madeName), filepath.Join(dir, takenName)} {
		if err := os.Mkdir(d, 0o777); err != nil {
			return atomicfile.Unwritable(d, err)
		}
	}
	w.at("begun")
	if err := w.write(ctx, jb, filepath.Join(dir, madeName)); err != nil {
		return err
	}
	w.at("written")
	// Nobody finds what is taken into a folder that a power cut takes away.
	if err := syncDirs(dir, f.own("jobs")); err != nil {
		return err
	}
	for _, c := range jb.Take {
		for _, e := range c.From {
			if err := w.takeAway(e, filepath.Join(dir, takenName)); err != nil {
				return err
			}
			w.at("taken")
			r.Files = append(r.Files, pairing.Named{Name: strings.ToValidUTF8(e.name, "�"), Sum: e.sum})
		}
	}
	if err := syncDirs(filepath.Join(dir, madeName), filepath.Join(dir, takenName), f.dir); err != nil {
		return err
	}
	w.at("synced")
	if err := f.addLine(r); err != nil {
		return fmt.Errorf("%w: %w", errJournal, err)
	}
	committed = true
	w.at("committed")
	if jb.to, err = f.finish(r); err != nil {
		return fmt.Errorf("%w: %w", errUnfinished, err)
	}
	w.at("finished")
	return nil
}

// syncDirs makes the names of folders durable, where the file system can.
func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		if err := atomicfile.SyncDirIfPossible(dir); err != nil {
			return atomicfile.Unwritable(dir, err)
		}
	}
	return nil
}

func (f *folder) addLine(r pairing.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.journal.Add(r)
}

// target is the name of a job's last folder, in the watched one.
func (f *folder) target(jb *job, now time.Time) string {
	place := doneName
	if jb.Outcome == pairing.Failed {
		place = failedName
	}
	return filepath.Join(place, now.Format("2006-01-02 15.04.05 ")+pairing.Stem(jb.Take[0].From[0].name))
}

// write makes the results of a job in a folder.
func (w *Watcher) write(ctx context.Context, jb *job, dir string) error {
	taken := map[string]bool{}
	for _, c := range jb.Take {
		for _, e := range c.From {
			taken[strings.ToLower(e.name)] = true
		}
	}
	results := pairing.Results{Dir: dir, Name: pairing.Stem(jb.Take[0].From[0].name), Taken: taken}
	if jb.Outcome != pairing.Done || jb.BOL == nil {
		end := ".note.txt"
		if jb.Outcome == pairing.Failed {
			end = ".reason.txt"
		}
		_, err := results.File(end, func(o io.Writer) error {
			_, err := fmt.Fprintln(o, jb.Why)
			return err
		})
		return err
	}
	s, err := w.make(ctx, jb)
	if err != nil {
		return err
	}
	w.at("made")
	jb.toCheck = pairing.ToCheck(s)
	var notes []string
	if len(jb.With) == 0 {
		notes = append(notes, fmt.Sprintf("No order export with these bills came within %v: the sheet is made without orders.", max(w.c.Wait, 0)))
	}
	for _, x := range jb.With {
		notes = append(notes, "Order export: "+pairing.Clean(x.From[0].name))
	}
	for _, e := range jb.BOL.From[1:] {
		notes = append(notes, "The same file came as "+pairing.Clean(e.name)+", too.")
	}
	if _, _, err := results.Sheet(s, w.c.Formats, w.c.List, notes); err != nil {
		return err
	}
	if w.c.Append != nil {
		return w.c.Append(ctx, s)
	}
	return nil
}

// make makes the sheet of a job.
func (w *Watcher) make(ctx context.Context, jb *job) (*sheet.Sheet, error) {
	contents := append([]*content{jb.BOL}, jb.With...)
	var files []intake.File
	for _, c := range contents {
		e := c.From[0]
		f, err := w.open(e)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		files = append(files, intake.File{Name: e.name, ReaderAt: f, Size: e.info.Size()})
	}
	s, err := w.c.Maker.Make(ctx, files[:1], files[1:])
	if err != nil {
		return nil, err
	}
	// What was read must be what the outcome is about.
	for i, c := range contents {
		if got, err := pairing.SumOf(files[i], files[i].Size); err != nil || got != c.Sum {
			return nil, pairing.ErrChanged
		}
	}
	return s, nil
}

// takeAway moves a file out of the reach of those who put it into the folder, and verifies that
// it is what was read.
func (w *Watcher) takeAway(e *entry, dir string) error {
	to := filepath.Join(dir, e.name)
	if err := os.Rename(filepath.Join(w.c.Dir, e.name), to); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return pairing.ErrChanged
		}
		return atomicfile.Unwritable(e.name, cause(err))
	}
	if fault.CodeOf(e.fault) == fault.Unreadable {
		return nil // that is why it failed
	}
	info, err := os.Lstat(to)
	if err != nil {
		return fault.New(fault.Unwritable, "%s cannot be moved: %w", e.name, cause(err))
	}
	if !info.Mode().IsRegular() || info.Size() != e.info.Size() {
		return pairing.ErrChanged
	}
	f, err := os.OpenFile(to, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return pairing.ErrChanged
	}
	defer f.Close()
	if got, err := pairing.SumOf(f, info.Size()); err != nil || got != e.sum {
		return pairing.ErrChanged
	}
	return nil
}

// settle ends the jobs that an earlier process, or an error, left: it finishes those that the
// journal names and undoes the others.
func (f *folder) settle() error {
	jobs, err := os.ReadDir(f.own("jobs"))
	if err != nil {
		return fault.New(fault.Unreadable, "%s cannot be read: %w", f.own("jobs"), cause(err))
	}
	for _, jb := range jobs {
		if r, ok := f.journal.Jobs()[jb.Name()]; ok {
			_, err = f.finish(r)
		} else {
			err = f.undo(jb.Name())
		}
		if err != nil {
			return err
		}
	}
	f.journal.Settled()
	return nil
}

// finish puts the folder of a job to its place, and returns that. It does what is left of it.
func (f *folder) finish(r pairing.Record) (to string, err error) {
	dir := f.own("jobs", r.Job)
	from := filepath.Join(dir, madeName)
	if _, err := os.Lstat(from); err == nil {
		taken, err := os.ReadDir(filepath.Join(dir, takenName))
		if err != nil {
			return "", err
		}
		for _, t := range taken {
			was := filepath.Join(dir, takenName, t.Name())
			err := place(was, filepath.Join(from, t.Name()))
			if errors.Is(err, fs.ErrExist) {
				err = os.Remove(was) // a power cut has kept both names
			}
			if err != nil {
				return "", err
			}
		}
		if err := syncDirs(from); err != nil {
			return "", err
		}
		to, err = f.placeFree(from, r.To)
		if err != nil {
			return "", err
		}
		if err := syncDirs(filepath.Join(f.dir, filepath.Dir(to))); err != nil {
			return "", err
		}
	}
	return to, os.RemoveAll(dir)
}

// undo puts the inputs of a job back, and removes what was made.
func (f *folder) undo(id string) error {
	dir := f.own("jobs", id)
	taken, err := os.ReadDir(filepath.Join(dir, takenName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, t := range taken {
		if _, err := f.placeFree(filepath.Join(dir, takenName, t.Name()), t.Name()); err != nil {
			return err
		}
	}
	if len(taken) > 0 {
		if err := syncDirs(f.dir); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

// placeFree moves a file or folder to a name in the watched folder, or one like it that is free.
func (f *folder) placeFree(from, name string) (string, error) {
	ext := ""
	if info, err := os.Lstat(from); err == nil && !info.IsDir() {
		ext = filepath.Ext(name)
	}
	to := name
	for n := 2; ; n++ {
		err := place(from, filepath.Join(f.dir, to))
		if !errors.Is(err, fs.ErrExist) {
			return to, err
		}
		to = fmt.Sprintf("%s (%d)%s", pairing.Shorten(strings.TrimSuffix(name, ext), 230), n, pairing.Shorten(ext, 15))
	}
}

// placeUnguarded is place where the system cannot do it in one step. Only the watcher writes to
// the places, but the producer of a file may write to the watched folder between the steps.
func placeUnguarded(from, to string) error {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
		}
		return err
	}
	return os.Rename(from, to)
}
