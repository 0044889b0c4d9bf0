// Package picture decodes pictures that people send: JPEG, PNG, TIFF and WebP, as scanners
// and phones write them. They become gray, upright, on white. All sizes are checked before
// anything is decoded, so that a small file cannot take much memory.
package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"slices"

	"golang.org/x/image/webp"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
)

// The bounds of pictures.
const (
	// MaxPixels bounds the pixels of a picture: a little more than 7,000 by 5,000.
	MaxPixels = 36 << 20
	// MaxSide bounds its width and height.
	MaxSide = 20_000
	// MaxBytes bounds a file.
	MaxBytes = 200 << 20
	// MaxPages bounds the pages of a TIFF file.
	MaxPages = 500
)

// File is a file of pictures.
type File struct {
	b     []byte
	pages []uint32 // of a TIFF file, where the directories of its pages are
}

// Open reads a file. It fails with fault.TooLarge and fault.DamagedPicture.
func Open(src io.ReaderAt, size int64) (*File, error) {
	if size > MaxBytes {
		return nil, fault.New(fault.TooLarge, "the picture has %d MB, more than the %d MB that a picture may have; make it smaller", size>>20, MaxBytes>>20)
	}
	b := make([]byte, size)
	if n, err := src.ReadAt(b, 0); n < len(b) {
		return nil, fault.New(fault.Unreadable, "it cannot be read: %w", err)
	}
	f := &File{b: b}
	if magic.TIFF(b) {
		var err error
		if f.pages, err = directories(b); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Pages returns the number of pictures in the file.
func (f *File) Pages() int {
	if f.pages != nil {
		return len(f.pages)
	}
	return 1
}

// Gray decodes a picture, counted from 0. It fails with fault.TooLarge and
// fault.DamagedPicture.
func (f *File) Gray(page int) (*image.Gray, error) {
	if f.pages != nil {
		return f.tiff(page)
	}
	var config func(io.Reader) (image.Config, error)
	var decode func(io.Reader) (image.Image, error)
	turn := 1
	switch {
	case magic.Begins(f.b, magic.JPEG):
		config, decode, turn = jpeg.DecodeConfig, jpeg.Decode, orientation(f.b)
	case magic.Begins(f.b, magic.PNG):
		config, decode = png.DecodeConfig, png.Decode
	default:
		config, decode = webp.DecodeConfig, webp.Decode
	}
	c, err := config(bytes.NewReader(f.b))
	if err != nil {
		return nil, damaged(err)
	}
	if err := fits(c.Width, c.Height); err != nil {
		return nil, err
	}
	img, err := decode(bytes.NewReader(f.b))
	if err != nil {
		return nil, damaged(err)
	}
	return Turned(gray(img), turn), nil
}

func damaged(err error) error {
	return fault.New(fault.DamagedPicture, "the picture is damaged, or of a kind that is not read (%w); save it again as JPEG or PNG", err)
}

// fits checks the size of a picture.
func fits(w, h int) error {
	switch {
	case w < 1 || h < 1:
		return damaged(fmt.Errorf("its size is %d by %d", w, h))
	case w > MaxSide || h > MaxSide || w*h > MaxPixels:
		return fault.New(fault.TooLarge, "the picture has %d by %d pixels, more than the %d million that are read; photograph or scan it with fewer: 300 dots per inch are enough", w, h, MaxPixels/1_000_000)
	}
	return nil
}

// gray returns the brightness of a picture on white.
func gray(img image.Image) *image.Gray {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	switch p := img.(type) {
	case *image.Gray:
		if b.Min == (image.Point{}) {
			return p
		}
	case *image.YCbCr:
		return &image.Gray{Pix: p.Y[p.YOffset(b.Min.X, b.Min.Y):], Stride: p.YStride, Rect: image.Rect(0, 0, w, h)}
	}
	out := image.NewGray(image.Rect(0, 0, w, h))
	white := uint32(0xFFFF)
	if p, ok := img.(*image.Paletted); ok {
		var levels [256]uint8
		for i, c := range p.Palette {
			levels[i&255] = level(c, white)
		}
		for y := range h {
			for x := range w {
				out.Pix[y*out.Stride+x] = levels[p.Pix[y*p.Stride+x]]
			}
		}
		return out
	}
	for y := range h {
		for x := range w {
			out.Pix[y*out.Stride+x] = level(img.At(b.Min.X+x, b.Min.Y+y), white)
		}
	}
	return out
}

// level returns the brightness of a color on white.
func level(c color.Color, white uint32) uint8 {
	r, g, b, a := c.RGBA()
	return uint8((19595*r + 38470*g + 7471*b + (white-a)*65536) >> 24)
}

// Turned returns a picture upright that is stored in one of the eight orientations of EXIF; in
// others it is upright.
func Turned(img *image.Gray, orientation int) *image.Gray {
	if orientation < 2 || orientation > 8 {
		return img
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	ow, oh := w, h
	if orientation >= 5 {
		ow, oh = h, w
	}
	// What is at the right of the stored picture, and at its bottom, comes first.
	fromRight := slices.Contains([]int{2, 3, 7, 8}, orientation)
	fromBottom := slices.Contains([]int{3, 4, 6, 7}, orientation)
	out := image.NewGray(image.Rect(0, 0, ow, oh))
	for y := range oh {
		row := out.Pix[y*out.Stride : y*out.Stride+ow]
		for x := range row {
			sx, sy := x, y
			if orientation >= 5 {
				sx, sy = y, x
			}
			if fromRight {
				sx = w - 1 - sx
			}
			if fromBottom {
				sy = h - 1 - sy
			}
			row[x] = img.Pix[sy*img.Stride+sx]
		}
	}
	return out
}

// orientation returns the orientation that a JPEG file says in its EXIF data, 1 if none.
func orientation(b []byte) int {
	for at := 2; at+4 <= len(b) && b[at] == 0xFF; {
		kind, size := b[at+1], int(binary.BigEndian.Uint16(b[at+2:]))
		if kind == 0xDA || size < 2 || at+2+size > len(b) {
			break
		}
		if data := b[at+4 : at+2+size]; kind == 0xE1 && magic.Begins(data, "Exif\x00\x00") {
			if data = data[6:]; magic.TIFF(data) && len(data) >= 8 {
				if d, err := directory(data, orderOf(data).Uint32(data[4:])); err == nil {
					return int(d.first(tagOrientation)) // others than the eight turn nothing
				}
			}
			return 1
		}
		at += 2 + size
	}
	return 1
}
