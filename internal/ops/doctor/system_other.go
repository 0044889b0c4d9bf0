//go:build !linux

package doctor

import (
	"fmt"
	"io/fs"
)

// On other systems only what Go itself reports is known.

func statDisk(string) (*disk, error) { return nil, nil }

func owner(fs.FileInfo) (uid int, name string, known bool) { return 0, "", false }

func userName(uid int) string { return fmt.Sprint(uid) }

func sameProgram(int) (same, replaced, known bool) { return false, false, false }

// MemoryLimit returns 0: the limit is not known.
func MemoryLimit(int) (limit int64, by string) { return 0, "" }

func fileLimit(int) int64 { return 0 }
