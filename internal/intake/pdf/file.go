package pdf

import (
	"bytes"
	"io"
	"regexp"
	"slices"
	"strconv"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
)

// maxParts is the greatest number of PDFs in one file.
const maxParts = 200

// gap is how many bytes may be between two PDFs in one file, such as a printer's
// commands.
const gap = 4 << 10

var (
	header = []byte(magic.PDF)
	eof    = []byte("%%EOF")
)

// partsOf finds the PDFs in a file. What stands before the first and, if it is
// blank, after the last is left out. It does not look into a PDF: a file in which
// nothing is found is one part. A file in which a transfer in text mode has changed
// all ends of lines is read as it was before, where that is certain.
//
// It fails with fault.DamagedPDF where it is not, and with fault.TooLarge if there are
// more than maxParts PDFs.
func partsOf(src io.ReaderAt, size int64) ([]*io.SectionReader, error) {
	parts, mangled, err := split(src, size)
	if !mangled || err != nil || inPlace(parts) {
		return parts, err
	}
	before, size, err := unmangle(src, size)
	if err != nil {
		return nil, err
	}
	if parts, _, err = split(before, size); err == nil && !inPlace(parts) {
		err = fault.New(fault.DamagedPDF, "the PDF was damaged on its way: a transfer in text mode has changed the ends of its lines; send it again as a binary file")
	}
	return parts, err
}

// split is partsOf for a file as it is. It reports whether the ends of all lines seem
// to have been changed.
func split(src io.ReaderAt, size int64) (parts []*io.SectionReader, mangled bool, err error) {
	whole := []*io.SectionReader{io.NewSectionReader(src, 0, size)}
	var starts, lasts []int64
	lines := lineEnds{}
	block := make([]byte, min(size, 1<<20))
	kept := 0 // bytes at the beginning of the block that are from the last one
	for at := int64(0); at < size; {
		n, err := src.ReadAt(block[kept:min(int64(len(block)), size-at+int64(kept))], at)
		if n == 0 {
			return nil, false, fault.New(fault.Unreadable, "it cannot be read: %w", err)
		}
		b := block[:kept+n]
		if at == 0 && (magic.Begins(b, magic.ZIP) || magic.Begins(b, magic.Gzip)) {
			return whole, false, nil // the worker says what it is
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
			case len(starts) > 0 && start <= starts[len(starts)-1]: // found in the last block
			case len(starts) == 0:
				if start > ends {
					return whole, false, nil
				}
				starts = append(starts, start)
			default:
				// A PDF that is attached to another is in one of its objects.
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
			kept = 0 // the file has one block
		}
	}
	if len(starts) == 0 {
		return whole, lines.mangled(), nil
	}
	if len(starts) > maxParts {
		return nil, false, fault.New(fault.TooLarge, "the file holds %d PDFs, more than the %d that are read at once; split it", len(starts), maxParts)
	}
	end, err := trimmed(src, size)
	if err != nil {
		return nil, false, err
	}
	parts = make([]*io.SectionReader, len(starts))
	for i, start := range starts {
		last := end
		if i < len(lasts) {
			last = lasts[i]
		}
		parts[i] = io.NewSectionReader(src, start, last-start)
	}
	return parts, lines.mangled(), nil
}

// trimmed returns the size of a file without the zeros and blanks at its end, which
// disks and tapes use to fill blocks.
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
			// A line end after the mark belongs to it.
			return size, nil
		}
	}
	return 0, nil
}

// lineEnds finds out whether all line ends of a binary file were changed.
type lineEnds struct {
	last  byte
	alone bool // a line feed without a carriage return was found
	high  int  // the number of bytes that are not ASCII
}

// binaryFrom is the number of non-ASCII bytes from which a file is binary: among so
// many compressed bytes some are almost certainly line feeds.
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

// unmangled is a file without the carriage returns that a transfer in text mode has
// put before all its line feeds.
type unmangled struct {
	src  io.ReaderAt
	size int64 // of src
	// starts has for each block of src where it begins without them.
	starts []int64
}

const mangledBlock = 64 << 10

// unmangle returns a file as it was before the transfer, and its size.
func unmangle(src io.ReaderAt, size int64) (*unmangled, int64, error) {
	u := &unmangled{src: src, size: size}
	var at int64
	for i := int64(0); i*mangledBlock < size; i++ {
		u.starts = append(u.starts, at)
		b, err := u.block(i)
		if err != nil {
			return nil, 0, err
		}
		at += int64(len(b))
	}
	return u, at, nil
}

// block returns a block of the file without what the transfer has added.
func (u *unmangled) block(i int64) ([]byte, error) {
	// The carriage return at the end of a block is one of them if the next begins
	// with a line feed.
	b := make([]byte, min(mangledBlock+1, u.size-i*mangledBlock))
	if _, err := u.src.ReadAt(b, i*mangledBlock); err != nil && err != io.EOF {
		return nil, fault.New(fault.Unreadable, "it cannot be read: %w", err)
	}
	out := b[:0]
	for j, c := range b {
		if j < mangledBlock && !(c == '\r' && j+1 < len(b) && b[j+1] == '\n') {
			out = append(out, c)
		}
	}
	return out, nil
}

func (u *unmangled) ReadAt(p []byte, off int64) (n int, err error) {
	i, found := slices.BinarySearch(u.starts, off)
	if !found {
		i--
	}
	for ; n < len(p); i++ {
		if i < 0 || i >= len(u.starts) {
			return n, io.EOF
		}
		b, err := u.block(int64(i))
		if err != nil {
			return n, err
		}
		if skip := off + int64(n) - u.starts[i]; skip < int64(len(b)) {
			n += copy(p[n:], b[skip:])
		}
	}
	return n, nil
}

// A PDF says at its end where its table of objects stands.
var (
	startOfTable = regexp.MustCompile(`startxref\s+(\d{1,12})\s+%%EOF\s*$`)
	table        = regexp.MustCompile(`^(xref\b|\d+ \d+ obj\b)`)
)

// inPlace reports whether the table of objects of each PDF stands where it should,
// behind most of the file. It does only if nothing before it is missing or was added:
// had the transfer left some ends of lines alone, the table would stand elsewhere.
func inPlace(parts []*io.SectionReader) bool {
	return !slices.ContainsFunc(parts, func(p *io.SectionReader) bool {
		tail := make([]byte, min(ends, p.Size()))
		if _, err := p.ReadAt(tail, p.Size()-int64(len(tail))); err != nil && err != io.EOF {
			return true
		}
		m := startOfTable.FindSubmatch(tail)
		if m == nil {
			return true
		}
		at, _ := strconv.ParseInt(string(m[1]), 10, 64)
		head := make([]byte, 32)
		n, _ := p.ReadAt(head, at)
		return at <= p.Size()/2 || !table.Match(head[:n])
	})
}
