// Package tesseract is the second reader of scans: the program tesseract of this machine, if
// it is installed. It reads the same pictures of words as package ocr, in another way, so that
// it seldom makes the same mistakes.
//
// For operators: Find looks at one place, or at the one that is configured, and nowhere else.
// The program runs for each page of a scan, confined as worker.Program says: it gets gray
// pixels and returns text, has no network, and reads nothing but its own files.
package tesseract

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"tallyman/internal/fault"
	"tallyman/internal/intake/ocr"
	"tallyman/internal/intake/worker"
)

// Usual is where systems install the program.
const Usual = "/usr/bin/tesseract"

// None is the setting by which no second reader is used.
const None = "none"

// Reader reads words with Tesseract. It is safe for concurrent use.
type Reader struct {
	program worker.Program
}

// Find returns the reader of a setting: a file, None, or "" for Usual. It returns nil if that
// is None, or if nothing is at Usual. It fails if the file that was set cannot be used, and if
// others than its owner could replace it.
func Find(setting string) (*Reader, error) {
	path := setting
	switch setting {
	case None:
		return nil, nil
	case "":
		path = Usual
		if _, err := os.Stat(path); err != nil {
			return nil, nil
		}
	}
	if !filepath.IsAbs(path) {
		return nil, fault.New(fault.BadRequest, "%s: give the whole path of the program tesseract, or %q", path, None)
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "the second reader cannot be used: %w", err)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fault.New(fault.BadRequest, "the second reader cannot be used: %w", err)
	case !info.Mode().IsRegular() || info.Mode()&0o111 == 0:
		return nil, fault.New(fault.BadRequest, "%s is not a program", path)
	case info.Mode()&0o022 != 0:
		return nil, fault.New(fault.BadRequest, "%s can be changed by others than its owner, so it is not run", path)
	}
	folders := []string{"/usr", "/lib", "/lib64"}
	if own := filepath.Dir(filepath.Dir(path)); own != "/" && own != "/usr" {
		folders = append(folders, own)
	}
	return &Reader{worker.Program{
		Path: path,
		Args: []string{
			"stdin", "stdout", "--psm", "6", "-l", "eng", "-c", "tessedit_create_tsv=1",
			// Numbers are in no dictionary.
			"-c", "load_system_dawg=0", "-c", "load_freq_dawg=0",
		},
		Env:     []string{"OMP_THREAD_LIMIT=1", "LC_ALL=C"},
		Folders: folders,
		Memory:  256 << 20,
		Time:    time.Minute,
		Most:    4 << 20,
	}}, nil
}

// Path returns the program's file.
func (r *Reader) Path() string { return r.program.Path }

// Try runs the program without anything to read, and fails if that fails.
func (r *Reader) Try(ctx context.Context) error {
	s := &ocr.Strip{Words: []int{0}, Width: 4 * ocr.StripTall, Pix: bytes.Repeat([]byte{255}, 4*ocr.StripTall*ocr.StripRow)}
	_, err := r.look(ctx, s, []int{0}, 1, digits)
	return err
}

// digits are the characters of figures, and those for which zeros with a stroke are taken.
const digits = "0123456789.,@Q"

// Read returns for each row of a strip what is read in it, without spaces: nothing, one text,
// or two if the reader looked twice and they differ. first is what the first reader read there.
//
// Figures are read by themselves, since nothing but digits is looked for then. A figure that is
// read unlike first is looked at once more, beside others: a lone digit has no line by which it
// could be told from a letter.
func (r *Reader) Read(ctx context.Context, s *ocr.Strip, first []string) ([][]string, error) {
	var figures, texts []int
	for i, text := range first[:len(s.Words)] {
		if strings.Trim(text, digits) == "" {
			figures = append(figures, i)
		} else {
			texts = append(texts, i)
		}
	}
	out := make([][]string, len(s.Words))
	differ := false
	for _, look := range []struct {
		rows   []int
		across int
		only   string
	}{{texts, 1, ""}, {figures, 1, digits}, {figures, 5, digits}} {
		if look.across > 1 && !differ {
			continue
		}
		read, err := r.look(ctx, s, look.rows, look.across, look.only)
		if err != nil {
			return nil, err
		}
		for i, row := range look.rows {
			if slices.Contains(out[row], first[row]) {
				continue // it was read at the first look
			}
			differ = differ || look.only != "" && read[i] != first[row]
			if read[i] != "" && !slices.Contains(out[row], read[i]) {
				out[row] = append(out[row], read[i])
			}
		}
	}
	return out, nil
}

// look reads some rows of a strip, so many side by side, and finds no other characters than
// those of only, unless that is empty.
func (r *Reader) look(ctx context.Context, s *ocr.Strip, rows []int, across int, only string) ([]string, error) {
	out := make([]string, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	const margin = ocr.StripTall
	step := s.Width
	width, height := step*min(across, len(rows)), (len(rows)+across-1)/across*ocr.StripRow+2*margin
	// The simplest format that there is leaves nothing to decode.
	picture := fmt.Appendf(nil, "P5\n%d %d\n255\n", width, height)
	head := len(picture)
	picture = append(picture, bytes.Repeat([]byte{255}, width*height)...)
	for i, row := range rows {
		for y := range ocr.StripRow {
			copy(picture[head+(margin+i/across*ocr.StripRow+y)*width+i%across*step:], s.Pix[(row*ocr.StripRow+y)*step:][:step])
		}
	}
	program := r.program
	if only != "" {
		program.Args = append(slices.Clip(program.Args), "-c", "tessedit_char_whitelist="+only)
	}
	tsv, err := program.Run(ctx, picture)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(tsv)) {
		f := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(f) < 12 || f[0] != "5" { // a word; see tesseract's manual on TSV
			continue
		}
		var box [4]int // left, top, width, height
		for i := range box {
			if box[i], err = strconv.Atoi(f[6+i]); err != nil || box[i] < 0 || box[i] > width+height {
				return nil, fmt.Errorf("%s wrote a line that cannot be read: %.80q", program.Path, line)
			}
		}
		x, y := box[0]+box[2]/2, box[1]+box[3]/2-margin
		i := y/ocr.StripRow*across + x/step
		if y >= 0 && x < width && i < len(out) && len(out[i])+len(f[11]) <= 256 {
			out[i] += strings.ToValidUTF8(strings.TrimSpace(f[11]), "")
		}
	}
	return out, nil
}
