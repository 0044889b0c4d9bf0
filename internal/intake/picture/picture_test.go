package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"golang.org/x/image/tiff"

	"tallyman/internal/fault"
	"tallyman/internal/magic"
	"tallyman/internal/testing/must"
)

// drawn is a picture that is dark at its top left only.
func drawn(w, h int) *image.Gray {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetGray(x, y, color.Gray{Y: 240})
			if x < w/2 && y < h/2 {
				img.SetGray(x, y, color.Gray{Y: 20})
			}
		}
	}
	return img
}

func asJPEG(t testing.TB, img image.Image) []byte {
	return must.Written(t, func(w io.Writer) error { return jpeg.Encode(w, img, nil) })
}

func asPNG(t testing.TB, img image.Image) []byte {
	return must.Written(t, func(w io.Writer) error { return png.Encode(w, img) })
}

func asTIFF(t testing.TB, img image.Image) []byte {
	return must.Written(t, func(w io.Writer) error { return tiff.Encode(w, img, &tiff.Options{Compression: tiff.Deflate}) })
}

func open(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	must.OK(t, err)
	return f
}

// darkAt returns which quarter of a picture is dark: "top left" and so on.
func darkAt(img *image.Gray) string {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	var out []string
	for _, q := range []struct {
		name string
		x, y int
	}{{"top left", w / 4, h / 4}, {"top right", w * 3 / 4, h / 4}, {"bottom left", w / 4, h * 3 / 4}, {"bottom right", w * 3 / 4, h * 3 / 4}} {
		if img.GrayAt(q.x, q.y).Y < 128 {
			out = append(out, q.name)
		}
	}
	return strings.Join(out, ", ")
}

func TestKindsOfPictures(t *testing.T) {
	img := drawn(60, 40)
	transparent := image.NewNRGBA(img.Rect)
	for y := range 40 {
		for x := range 60 {
			if img.GrayAt(x, y).Y < 128 {
				transparent.Set(x, y, color.NRGBA{10, 10, 10, 255})
			}
		}
	}
	paletted := image.NewPaletted(img.Rect, color.Palette{color.White, color.Black})
	for i, v := range img.Pix {
		if v < 128 {
			paletted.Pix[i] = 1
		}
	}
	for name, b := range map[string][]byte{
		"JPEG": asJPEG(t, img), "PNG": asPNG(t, img), "PNG on glass": asPNG(t, transparent), "PNG of two colors": asPNG(t, paletted),
		"TIFF": asTIFF(t, img), "TIFF in color": asTIFF(t, transparent),
		"TIFF with JPEG": jpegTIFF(t, img), "TIFF with JPEG tiles": tiledTIFF(t, img), "WebP": webpOf(),
	} {
		f := open(t, b)
		got, err := f.Gray(0)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Rect != img.Rect || darkAt(got) != "top left" || f.Pages() != 1 {
			t.Errorf("%s: %v, dark at %s", name, got.Rect, darkAt(got))
		}
	}
}

// withEXIF puts an orientation into a JPEG file.
func withEXIF(b []byte, orientation int) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[6+8+2+9] = byte(orientation)
	out := append([]byte{0xFF, 0xD8, 0xFF, 0xE1, 0, byte(len(exif) + 2)}, exif...)
	return append(out, b[2:]...)
}

func TestPicturesStandUpright(t *testing.T) {
	b := asJPEG(t, drawn(60, 40))
	for orientation, want := range map[int]string{
		0: "top left", 1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
		5: "top left", 6: "top right", 7: "bottom right", 8: "bottom left", 9: "top left",
	} {
		got, err := open(t, withEXIF(b, orientation)).Gray(0)
		must.OK(t, err)
		if wide := got.Rect.Dx() == 60; darkAt(got) != want || wide == (orientation >= 5 && orientation <= 8) {
			t.Errorf("orientation %d: dark at %s, want %s; %v", orientation, darkAt(got), want, got.Rect)
		}
	}
}

// pagesTIFF joins TIFF files of one page to one file.
func pagesTIFF(files ...[]byte) []byte {
	out := bytes.Clone(files[0][:8])
	link := 4 // where the offset of the next directory goes
	for _, f := range files {
		base := uint32(len(out))
		out = append(out, f...)
		at := base + binary.LittleEndian.Uint32(f[4:])
		binary.LittleEndian.PutUint32(out[link:], at)
		n := int(binary.LittleEndian.Uint16(out[at:]))
		for i := range n {
			e := out[int(at)+2+12*i:]
			size := map[uint16]uint32{1: 1, 2: 1, 3: 2, 4: 4, 5: 8}[binary.LittleEndian.Uint16(e[2:])] * binary.LittleEndian.Uint32(e[4:])
			if size > 4 || binary.LittleEndian.Uint16(e) == tagStrips {
				binary.LittleEndian.PutUint32(e[8:], binary.LittleEndian.Uint32(e[8:])+base)
			}
		}
		link = int(at) + 2 + 12*n
		binary.LittleEndian.PutUint32(out[link:], 0)
	}
	return out
}

func TestEveryPageOfATIFFFile(t *testing.T) {
	turned := image.NewGray(image.Rect(0, 0, 30, 50))
	for i := range turned.Pix {
		turned.Pix[i] = 240
	}
	for y := 25; y < 50; y++ {
		for x := 15; x < 30; x++ {
			turned.SetGray(x, y, color.Gray{Y: 5})
		}
	}
	f := open(t, pagesTIFF(asTIFF(t, drawn(60, 40)), asTIFF(t, turned)))
	if f.Pages() != 2 {
		t.Fatalf("%d pages", f.Pages())
	}
	for i, want := range []string{"top left", "bottom right"} {
		img, err := f.Gray(i)
		must.OK(t, err)
		if darkAt(img) != want {
			t.Errorf("page %d is dark at %s", i, darkAt(img))
		}
	}
}

// directoryOf makes a TIFF file of numbers and data. Lists are put between the two.
func directoryOf(entries map[uint16][]uint32, data []byte, next uint32) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
	lists := uint32(len(b) + 12*len(entries) + 4)
	var between []byte
	for tag := range uint16(1000) {
		v, ok := entries[tag]
		if !ok {
			continue
		}
		b = binary.LittleEndian.AppendUint16(b, tag)
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(v)))
		if len(v) == 1 {
			b = binary.LittleEndian.AppendUint32(b, v[0])
			continue
		}
		b = binary.LittleEndian.AppendUint32(b, lists+uint32(len(between)))
		for _, n := range v {
			between = binary.LittleEndian.AppendUint32(between, n)
		}
	}
	b = binary.LittleEndian.AppendUint32(b, next)
	return append(append(b, between...), data...)
}

func one(v uint32) []uint32 { return []uint32{v} }

// jpegTIFF makes a TIFF file of one strip, which is a JPEG file.
func jpegTIFF(t testing.TB, img *image.Gray) []byte {
	j := asJPEG(t, img)
	at := uint32(8 + 2 + 6*12 + 4)
	return directoryOf(map[uint16][]uint32{
		tagWidth: one(uint32(img.Rect.Dx())), tagHeight: one(uint32(img.Rect.Dy())), tagCompression: one(compressionJPEG),
		tagStrips: one(at), tagRows: one(uint32(img.Rect.Dy())), tagSizes: one(uint32(len(j))),
	}, j, 0)
}

// tiledTIFF makes a TIFF file of tiles of 32 by 16 pixels, each of which is a JPEG file.
func tiledTIFF(t testing.TB, img *image.Gray) []byte {
	const wide, high = 32, 16
	w, h := img.Rect.Dx(), img.Rect.Dy()
	var data []byte
	var offsets, sizes []uint32
	n := ((w + wide - 1) / wide) * ((h + high - 1) / high)
	at := uint32(8 + 2 + 7*12 + 4 + 2*4*n)
	for y := 0; y < h; y += high {
		for x := 0; x < w; x += wide {
			tile := image.NewGray(image.Rect(0, 0, wide, high))
			for dy := range min(high, h-y) {
				copy(tile.Pix[dy*wide:][:min(wide, w-x)], img.Pix[(y+dy)*img.Stride+x:])
			}
			j := asJPEG(t, tile)
			offsets, sizes = append(offsets, at+uint32(len(data))), append(sizes, uint32(len(j)))
			data = append(data, j...)
		}
	}
	return directoryOf(map[uint16][]uint32{
		tagWidth: one(uint32(w)), tagHeight: one(uint32(h)), tagCompression: one(compressionJPEG),
		tagTileWidth: one(wide), tagTileHeight: one(high), tagTiles: offsets, tagTileSizes: sizes,
	}, data, 0)
}

// bomb is a PNG file of a size that its content does not have.
func bomb(t testing.TB, w, h uint32) []byte {
	b := asPNG(t, drawn(8, 8))
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestHostilePictures(t *testing.T) {
	size := map[uint16][]uint32{tagWidth: one(100_000), tagHeight: one(100_000), tagCompression: one(1), tagStrips: one(8), tagRows: one(100_000), tagSizes: one(10)}
	whole := asJPEG(t, drawn(60, 40))
	for name, c := range map[string]struct {
		b    []byte
		want fault.Code
	}{
		"100,000 by 100,000 pixels as PNG":  {bomb(t, 100_000, 100_000), fault.TooLarge},
		"19,000 by 19,000":                  {bomb(t, 19_000, 19_000), fault.TooLarge},
		"100,000 by 100,000 pixels as TIFF": {directoryOf(size, nil, 0), fault.TooLarge},
		"a JPEG file that is cut off":       {whole[:len(whole)/2], fault.DamagedPicture},
		"the beginning of one":              {whole[:3], fault.DamagedPicture},
		"directories in a circle":           {directoryOf(map[uint16][]uint32{tagWidth: one(1)}, nil, 8), fault.DamagedPicture},
		"a directory beyond the end":        {[]byte("II*\x00\xff\xff\xff\x7f"), fault.DamagedPicture},
		"no directory":                      {[]byte("MM\x00*\x00\x00\x00\x00"), fault.DamagedPicture},
		"a directory of 60,000 entries":     {[]byte("II*\x00\x08\x00\x00\x00\x60\xEA"), fault.DamagedPicture},
		"strips beyond the end": {directoryOf(map[uint16][]uint32{tagWidth: one(9), tagHeight: one(9), tagCompression: one(7), tagStrips: one(1 << 30), tagRows: one(9), tagSizes: one(1 << 31)}, nil, 0),
			fault.DamagedPicture},
		"tiles of no width": {directoryOf(map[uint16][]uint32{tagWidth: one(9), tagHeight: one(9), tagCompression: one(7), tagTiles: one(8), tagTileSizes: one(9), tagTileHeight: one(9)}, nil, 0),
			fault.DamagedPicture},
		"WebP of nothing": {[]byte("RIFF\x04\x00\x00\x00WEBPVP8 "), fault.DamagedPicture},
	} {
		f, err := Open(bytes.NewReader(c.b), int64(len(c.b)))
		if err == nil {
			_, err = f.Gray(0)
		}
		if fault.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestEndlessDirectoriesEnd(t *testing.T) {
	b := []byte("II*\x00\x08\x00\x00\x00")
	for range MaxPages + 10 {
		b = append(b, 1, 0)
		b = append(b, make([]byte, 12)...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(b)+4))
	}
	if _, err := Open(bytes.NewReader(b), int64(len(b))); fault.CodeOf(err) != fault.TooLarge {
		t.Errorf("%v", err)
	}
}

// fuzzed tries the pictures of a format that begin with a mark.
func fuzzed(f *testing.F, mark string, seeds ...[]byte) {
	for _, b := range seeds {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		copy(b, mark) // another format has its own target
		file, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for i := range min(file.Pages(), 3) {
			if large(file, i) {
				continue
			}
			got, err := file.Gray(i)
			switch code := fault.CodeOf(err); {
			case err != nil && code != fault.DamagedPicture && code != fault.TooLarge:
				t.Errorf("it fails with %q: %v", code, err)
			case err == nil && (got.Rect.Empty() || got.Rect.Min != (image.Point{}) || got.Rect.Dx()*got.Rect.Dy() > MaxPixels || len(got.Pix) < (got.Rect.Dy()-1)*got.Stride+got.Rect.Dx()):
				t.Errorf("a picture of %v, %d bytes", got.Rect, len(got.Pix))
			}
		}
	})
}

// large reports whether a picture is within the bounds and takes long nevertheless: the bounds
// have tests of their own.
func large(f *File, i int) bool {
	const most = 1 << 20
	if f.pages != nil {
		d, err := directory(f.b, f.pages[i])
		return err == nil && uint64(d.first(tagWidth))*uint64(d.first(tagHeight)) > most
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(f.b))
	return err == nil && c.Width*c.Height > most
}

func FuzzJPEG(f *testing.F) {
	fuzzed(f, magic.JPEG, asJPEG(f, drawn(24, 16)))
}

func FuzzPNG(f *testing.F) {
	img := drawn(24, 16)
	fuzzed(f, magic.PNG, asPNG(f, img), asPNG(f, image.NewNRGBA64(img.Rect)), bomb(f, 4000, 3000))
}

func FuzzTIFF(f *testing.F) {
	img := drawn(40, 24)
	fuzzed(f, magic.TIFFLittle, asTIFF(f, img), jpegTIFF(f, img), tiledTIFF(f, img), pagesTIFF(asTIFF(f, img), asTIFF(f, drawn(9, 9))))
}

func FuzzWebP(f *testing.F) {
	fuzzed(f, "RIFF", webpOf())
}

// EXIF data are a TIFF file within a JPEG file: only they are changed here.
func FuzzEXIF(f *testing.F) {
	whole := asJPEG(f, drawn(24, 16))
	for _, orientation := range []int{1, 6, 8} {
		with := withEXIF(whole, orientation)
		f.Add(with[12 : len(with)-len(whole)+2]) // after "Exif"
	}
	f.Add([]byte("MM\x00*")) // nothing after the mark
	f.Fuzz(func(t *testing.T, exif []byte) {
		if len(exif) > 60_000 {
			return
		}
		size := len(exif) + 8
		b := append([]byte{0xFF, 0xD8, 0xFF, 0xE1, byte(size >> 8), byte(size)}, "Exif\x00\x00"...)
		b = append(append(b, exif...), whole[2:]...)
		img, err := open(t, b).Gray(0)
		must.OK(t, err)
		if w, h := img.Rect.Dx(), img.Rect.Dy(); w*h != 24*16 || w != 24 && w != 16 {
			t.Errorf("a picture of %v", img.Rect)
		}
	})
}

// webpOf returns drawn(60, 40) as WebP without loss, which Go does not write.
func webpOf() []byte {
	return []byte("RIFF\x2e\x00\x00\x00WEBPVP8L\x22\x00\x00\x00\x2f\x3b\xc0\x09\x00\x0f\x30\xff\xf3\x3f\xff\xf3\x1f\x78\x30\xcc\x46\xd2\x18\x9c\xbf\xcd\x99\xd5\x60\xdf\x11\xfd\x8f\xea\x71\xbb\x60\x1b")
}
