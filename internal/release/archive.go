package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"tallyman/internal/testing/load"
)

// entry is a file of an archive: in memory, or at a path.
type entry struct {
	name    string
	path    string
	data    []byte
	program bool
}

// pack writes an archive, a zip or else a compressed tar, and returns its path. All entries
// are in one folder, sorted by name, with one time and without an owner.
func pack(path string, zipped bool, folder string, at time.Time, files []entry) string {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	for i := range files {
		if files[i].path != "" {
			files[i].data = load.Must(os.ReadFile(files[i].path))
		}
	}
	write, ending := packTar, ".tar.gz"
	if zipped {
		write, ending = packZip, ".zip"
	}
	f := load.Must(os.Create(path + ending))
	defer f.Close()
	write(f, folder, at, files)
	load.Check(f.Close())
	return f.Name()
}

func (e entry) mode() int64 {
	if e.program {
		return 0o755
	}
	return 0o644
}

func packTar(w io.Writer, folder string, at time.Time, files []entry) {
	z := load.Must(gzip.NewWriterLevel(w, gzip.BestCompression))
	t := tar.NewWriter(z)
	for _, e := range files {
		load.Check(t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: folder + "/" + e.name, Size: int64(len(e.data)), Mode: e.mode(), ModTime: at, Format: tar.FormatUSTAR,
		}))
		load.Must(t.Write(e.data))
	}
	load.Check(errors.Join(t.Close(), z.Close()))
}

func packZip(w io.Writer, folder string, at time.Time, files []entry) {
	z := zip.NewWriter(w)
	for _, e := range files {
		h := &zip.FileHeader{Name: folder + "/" + e.name, Method: zip.Deflate, Modified: at}
		h.SetMode(os.FileMode(e.mode()))
		load.Must(load.Must(z.CreateHeader(h)).Write(e.data))
	}
	load.Check(z.Close())
}
