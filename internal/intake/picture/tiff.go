package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"

	"golang.org/x/image/tiff"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
)

// The tags of a TIFF directory that are looked at here; golang.org/x/image/tiff decodes the
// rest, of the first directory that it finds.
const (
	tagWidth       = 256
	tagHeight      = 257
	tagCompression = 259
	tagStrips      = 273
	tagOrientation = 274
	tagRows        = 278
	tagSizes       = 279
	tagTileWidth   = 322
	tagTileHeight  = 323
	tagTiles       = 324
	tagTileSizes   = 325
	tagTables      = 347

	compressionJPEG = 7
)

// entries bounds the entries of a directory: real ones have some dozens.
const entries = 1000

// tags are the entries of a directory, and where the next one is.
type tags struct {
	b     []byte
	order binary.ByteOrder
	v     map[uint16]entry
	next  uint32
}

type entry struct {
	kind  uint16
	count uint32
	data  []byte
}

func orderOf(b []byte) binary.ByteOrder {
	if magic.Begins(b, magic.TIFFBig) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

var errDirectory = errors.New("a directory of it is damaged")

// directory reads the directory at an offset. The file begins with its mark.
func directory(b []byte, at uint32) (*tags, error) {
	d := &tags{b: b, order: orderOf(b), v: map[uint16]entry{}}
	if len(b) < 8 || uint64(at)+2 > uint64(len(b)) {
		return nil, errDirectory
	}
	n := int(d.order.Uint16(b[at:]))
	from := uint64(at) + 2
	if n == 0 || n > entries || from+uint64(n)*12+4 > uint64(len(b)) {
		return nil, errDirectory
	}
	for i := range n {
		e := b[from+uint64(i)*12:]
		kind, count := d.order.Uint16(e[2:]), d.order.Uint32(e[4:])
		size := uint64(count)
		switch kind {
		case 3:
			size *= 2
		case 4:
			size *= 4
		case 5:
			size *= 8
		}
		data := e[8:12]
		if size > 4 {
			off := uint64(d.order.Uint32(e[8:]))
			if off+size > uint64(len(b)) {
				continue // not one of those that matter, or the decoder refuses it
			}
			data = b[off : off+size]
		}
		d.v[d.order.Uint16(e)] = entry{kind, count, data}
	}
	d.next = d.order.Uint32(b[from+uint64(n)*12:])
	return d, nil
}

// numbers returns the numbers of an entry.
func (d *tags) numbers(tag uint16) (out []uint32) {
	e := d.v[tag]
	for i := range e.count {
		switch {
		case e.kind == 3 && len(e.data) >= int(i+1)*2:
			out = append(out, uint32(d.order.Uint16(e.data[2*i:])))
		case e.kind == 4 && len(e.data) >= int(i+1)*4:
			out = append(out, d.order.Uint32(e.data[4*i:]))
		default:
			return out
		}
	}
	return out
}

func (d *tags) first(tag uint16) uint32 {
	if v := d.numbers(tag); len(v) > 0 {
		return v[0]
	}
	return 0
}

// directories returns where the directories of all pages are. It ends where they return to
// one that was there.
func directories(b []byte) (out []uint32, err error) {
	if len(b) < 8 {
		return nil, damaged(errDirectory)
	}
	seen := map[uint32]bool{}
	for at := orderOf(b).Uint32(b[4:]); at != 0; {
		if seen[at] {
			return nil, damaged(errors.New("its directories lead in a circle"))
		}
		if len(out) == MaxPages {
			return nil, fault.New(fault.TooLarge, "the TIFF file has more than the %d pages that are read at once; split it", MaxPages)
		}
		seen[at] = true
		d, err := directory(b, at)
		if err != nil {
			return nil, damaged(err)
		}
		out = append(out, at)
		at = d.next
	}
	if len(out) == 0 {
		return nil, damaged(errors.New("it has no pages"))
	}
	return out, nil
}

// tiff decodes a page of a TIFF file.
func (f *File) tiff(page int) (*image.Gray, error) {
	d, err := directory(f.b, f.pages[page])
	if err != nil {
		return nil, damaged(err)
	}
	w, h := int(d.first(tagWidth)), int(d.first(tagHeight))
	if err := fits(w, h); err != nil {
		return nil, err
	}
	turn := int(d.first(tagOrientation))
	if d.first(tagCompression) == compressionJPEG {
		img, err := d.jpegs(w, h)
		if err != nil {
			return nil, damaged(err)
		}
		return Turned(img, turn), nil
	}
	// The decoder takes the first directory: the header, which is not needed any more, names
	// this one instead.
	d.order.PutUint32(f.b[4:], f.pages[page])
	img, err := tiff.Decode(bytes.NewReader(f.b))
	if err != nil {
		return nil, damaged(err)
	}
	if b := img.Bounds(); b.Dx() != w || b.Dy() != h {
		return nil, damaged(errDirectory)
	}
	return Turned(gray(img), turn), nil
}

// jpegs decodes the strips or tiles of a page that are JPEG files without their tables.
func (d *tags) jpegs(w, h int) (*image.Gray, error) {
	offsets, sizes := d.numbers(tagStrips), d.numbers(tagSizes)
	wide, high := w, int(d.first(tagRows))
	if _, tiled := d.v[tagTiles]; tiled {
		offsets, sizes = d.numbers(tagTiles), d.numbers(tagTileSizes)
		wide, high = int(d.first(tagTileWidth)), int(d.first(tagTileHeight))
		if wide < 1 || wide > MaxSide || high < 1 || high > MaxSide {
			return nil, errDirectory
		}
	} else if high <= 0 || high > h {
		high = h
	}
	across := (w + wide - 1) / wide
	if n := across * ((h + high - 1) / high); len(offsets) != n || len(sizes) != n {
		return nil, fmt.Errorf("it has %d parts of %d", len(offsets), n)
	}
	tables := d.v[tagTables].data
	if len(tables) > 4 {
		tables = tables[:len(tables)-2] // without the end
	} else {
		tables = nil
	}
	out := image.NewGray(image.Rect(0, 0, w, h))
	for i, off := range offsets {
		end := uint64(off) + uint64(sizes[i])
		if end > uint64(len(d.b)) || sizes[i] < 4 {
			return nil, errDirectory
		}
		part := d.b[off:end]
		if tables != nil {
			part = append(bytes.Clone(tables), part[2:]...)
		}
		c, err := jpeg.DecodeConfig(bytes.NewReader(part))
		if err != nil {
			return nil, err
		}
		left, top := i%across*wide, i/across*high
		wanted := min(wide, w-left)
		if c.Width < wanted || c.Width > MaxSide || c.Height > high+64 || c.Width*c.Height > MaxPixels {
			return nil, errDirectory
		}
		img, err := jpeg.Decode(bytes.NewReader(part))
		if err != nil {
			return nil, err
		}
		g := gray(img)
		for y := range min(high, g.Rect.Dy(), h-top) {
			copy(out.Pix[(top+y)*out.Stride+left:][:wanted], g.Pix[y*g.Stride:])
		}
	}
	return out, nil
}
