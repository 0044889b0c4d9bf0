package unwrap

import (
	"archive/zip"
	"errors"
	"io"
	"math"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// zip takes the files out of an archive. A workbook is an archive, too, and stays a file, as does
// what is not an archive after all: who reads files says what is wrong with it.
func (u *unwrapper) zip(r io.ReaderAt, f File, depth int) (opened bool, err error) {
	if err := u.deeper(depth); err != nil {
		return false, err
	}
	directory := &bounded{r: r, left: mostDirectory}
	archive, err := zip.NewReader(directory, f.Size)
	directory.left = math.MaxInt64                          // what follows is bounded by what it unpacks to
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are never used as paths
		return false, nil
	}
	for _, e := range archive.File {
		if name := strings.ToLower(e.Name); name == "[content_types].xml" || name == "mimetype" {
			return false, nil
		}
	}
	for _, e := range archive.File {
		name := e.Name
		if e.NonUTF8 {
			if b, err := charmap.CodePage437.NewDecoder().String(name); err == nil {
				name = b
			}
		}
		if strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(tidy(name), ".") {
			continue
		}
		if err := u.count(); err != nil {
			return false, err
		}
		if e.Flags&1 != 0 {
			u.leave("%s in %s needs a password; send it without.", tidy(name), f.Name)
			continue
		}
		if !e.Mode().IsRegular() {
			continue // a link leads nowhere here
		}
		in, err := e.Open()
		if err != nil {
			u.leave("%s in %s cannot be unpacked.", tidy(name), f.Name)
			continue
		}
		out, whole, err := u.save(name, in, true)
		in.Close()
		if err == nil {
			err = u.take(out, whole, depth, "%s in %s cannot be unpacked: it is damaged.", tidy(name), f.Name)
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// mostDirectory is how many bytes of an archive are read for its directory, which takes several
// times as much memory.
const mostDirectory = 4 << 20

// bounded stops to read after so many bytes.
type bounded struct {
	r    io.ReaderAt
	left int64
}

func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errors.New("too many bytes were read of an archive")
	}
	return b.r.ReadAt(p, at)
}
