package pdf

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"

	"tallyman/internal/fault"
)

// part is a PDF within a file: all of it, or one of several that were put into it
// one after the other. Offset and size are in bytes.
type part struct{ offset, size int64 }

// maxParts is how many PDFs one file may have.
const maxParts = 200

// gap is how much may stand between two PDFs in one file, such as a printer's
// commands.
const gap = 4 << 10

var (
	header = []byte("%PDF-")
	eof    = []byte("%%EOF")
)

// partsOf finds the PDFs in a file. What stands before the first and, if it is
// blank, after the last is left out. It does not look into a PDF: a file in which
// nothing is found is one part.
//
// It fails with fault.DamagedPDF if the ends of all lines were changed on the way,
// as a transfer in text mode does, and with fault.TooLarge if there are more than
// maxParts.
func partsOf(src io.ReaderAt, size int64) ([]part, error) {
	whole := []part{{0, size}}
	var starts, lasts []int64
	lines := lineEnds{}
	block := make([]byte, min(size, 1<<20))
	kept := 0 // bytes at the beginning of the block that were there before
	for at := int64(0); at < size; {
		n, err := src.ReadAt(block[kept:min(int64(len(block)), size-at+int64(kept))], at)
		if n == 0 {
			return nil, fault.New(fault.Unreadable, "it cannot be read: %w", err)
		}
		b := block[:kept+n]
		if at == 0 && (bytes.HasPrefix(b, []byte("PK\x03\x04")) || bytes.HasPrefix(b, []byte{0x1F, 0x8B})) {
			return whole, nil // the worker says what it is
		}
		lines.look(b[kept:])
		base := at - int64(kept)
		for i := 0; ; {
			j := bytes.Index(b[i:], header)
			if j < 0 {
				break
			}
			i += j
			start := base + int64(i)
			switch before := b[max(0, i-gap-len(eof)):i]; {
			case len(starts) > 0 && start <= starts[len(starts)-1]: // seen in the last block
			case len(starts) == 0:
				if start > ends {
					return whole, nil
				}
				starts = append(starts, start)
			default:
				// A PDF that is attached to another stands in an object of it.
				if e := bytes.LastIndex(before, eof); e >= 0 && !bytes.Contains(before[e:], []byte("obj")) {
					starts = append(starts, start)
					lasts = append(lasts, start-int64(len(before)-e-len(eof)))
				}
			}
			i += len(header)
		}
		at += int64(n)
		kept = copy(block, b[max(0, len(b)-gap-len(eof)-len(header)):])
		if kept == len(block) {
			kept = 0 // a file of one block
		}
	}
	if lines.mangled() {
		return nil, fault.New(fault.DamagedPDF, "the PDF was damaged on its way: a transfer in text mode has changed the ends of its lines; send it again as a binary file")
	}
	if len(starts) == 0 {
		return whole, nil
	}
	if len(starts) > maxParts {
		return nil, fault.New(fault.TooLarge, "the file holds %d PDFs, more than the %d that are read at once; split it", len(starts), maxParts)
	}
	end, err := trimmed(src, size)
	if err != nil {
		return nil, err
	}
	parts := make([]part, len(starts))
	for i, start := range starts {
		last := end
		if i < len(lasts) {
			last = lasts[i]
		}
		parts[i] = part{start, last - start}
	}
	return parts, nil
}

// trimmed returns the size of a file without the zeros and blanks at its end, with
// which disks and tapes fill up their blocks.
func trimmed(src io.ReaderAt, size int64) (int64, error) {
	block := make([]byte, 64<<10)
	for size > 0 {
		b := block[:min(int64(len(block)), size)]
		if _, err := src.ReadAt(b, size-int64(len(b))); err != nil && err != io.EOF {
			return 0, fault.New(fault.Unreadable, "it cannot be read: %w", err)
		}
		rest := bytes.TrimRight(b, "\x00\x1A\t\n\f\r ")
		size -= int64(len(b) - len(rest))
		if len(rest) > 0 {
			// A line's end after the mark is part of it.
			return size, nil
		}
	}
	return 0, nil
}

// lineEnds finds out whether all line ends of a binary file were changed.
type lineEnds struct {
	last  byte
	alone bool // there is a line feed without a carriage return
	high  int  // bytes that are not ASCII
}

// binaryFrom is how many bytes that are not ASCII make a file binary: of that many
// compressed bytes some are line feeds, by all odds.
const binaryFrom = 2048

func (l *lineEnds) look(b []byte) {
	for _, c := range b {
		if l.alone {
			return
		}
		l.alone = c == '\n' && l.last != '\r'
		if c >= 0x80 {
			l.high++
		}
		l.last = c
	}
}

func (l *lineEnds) mangled() bool { return !l.alone && l.high >= binaryFrom }

// packed says what a ZIP archive or a file of gzip holds, nil if it is neither, or
// holds no PDF.
func packed(src io.ReaderAt, size int64, head []byte) error {
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		r, err := zip.NewReader(src, size)
		if err != nil {
			return nil
		}
		var names []string
		n := 0
		for _, f := range r.File {
			if strings.HasSuffix(strings.ToLower(f.Name), ".pdf") {
				if n++; n <= maxNamed {
					names = append(names, fmt.Sprintf("%q", short(f.Name)))
				}
			}
		}
		if n == 0 {
			return nil
		}
		if n > maxNamed {
			names = append(names, fmt.Sprintf("%d more", n-maxNamed))
		}
		return fault.New(fault.NotAPDF, "the file is a ZIP archive with %s, not a PDF itself: %s; unpack it and give what is in it", plural(n, "PDF", "PDFs"), strings.Join(names, ", "))
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		r, err := gzip.NewReader(io.NewSectionReader(src, 0, size))
		if err != nil {
			return nil
		}
		begin := make([]byte, ends)
		n, _ := io.ReadFull(r, begin)
		if !bytes.Contains(begin[:n], header) {
			return nil
		}
		name := ""
		if r.Name != "" {
			name = fmt.Sprintf(" %q", short(r.Name))
		}
		return fault.New(fault.NotAPDF, "the file is a PDF%s that is compressed with gzip; unpack it and give what is in it", name)
	}
	return nil
}
