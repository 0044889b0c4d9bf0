package load

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Files lists the files below some folders. What is deleted meanwhile is left out.
func Files(dirs ...string) (all []string, err error) {
	for _, dir := range dirs {
		err = errors.Join(err, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil && !e.IsDir() {
				all = append(all, path)
			}
			return err
		}))
	}
	return all, err
}
