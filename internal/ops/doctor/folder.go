package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tallyman/internal/text"
	"tallyman/internal/watch"
)

// folders checks the folders that are watched for files.
func (d *doctor) folders(context.Context) {
	for _, dir := range d.Watched {
		d.folder(dir)
	}
}

func (d *doctor) folder(dir string) {
	const check = "watched folder"
	files, err := os.ReadDir(dir)
	if err != nil {
		d.fail(check, "%s cannot be read: %v — make it, or mount it; the watcher goes on by itself then", dir, err)
		return
	}
	if !d.disk("disk of the watched folder", dir) {
		return
	}
	// A watcher renames inputs: into its own folder, and that into done or failed.
	done, failed := watch.Places(dir)
	probe := filepath.Join(dir, "."+fresh("doctor-"))
	if err := os.WriteFile(probe, nil, 0o600); err != nil {
		d.fail(check, "nothing can be written in %s: %v — give the watcher's user the right to", dir, err)
		return
	}
	defer os.Remove(probe)
	for _, place := range []string{done, failed} {
		to := filepath.Join(place, filepath.Base(probe))
		err := os.Rename(probe, to)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the watcher makes it
		}
		if err == nil {
			err = os.Rename(to, probe)
		}
		if err != nil {
			d.fail(check, "a file cannot be moved from %s to %s: %v — both must be on one disk, and the watcher's user must have the right to write there", dir, place, err)
			return
		}
	}
	waiting := 0
	for _, f := range files {
		if f.Type().IsRegular() && !strings.HasPrefix(f.Name(), ".") {
			waiting++
		}
	}
	reasons, err := os.ReadDir(failed)
	switch {
	case err == nil && len(reasons) > 0:
		d.warn(check, "%s: %s waiting, and %s failed — read the reasons in %s, and remove what is settled", dir, text.Verb(waiting, "file", "is", "are"), text.Count(len(reasons), "input"), failed)
	default:
		d.ok(check, "%s: %s waiting, none failed", dir, text.Verb(waiting, "file", "is", "are"))
	}
}
