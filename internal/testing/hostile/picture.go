package hostile

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
)

// InkAlone is the picture of Pictures that takes longest to read.
const InkAlone = "a picture of ink alone, a pixel apart each"

// Pictures returns pictures that harm readers of pictures, by name.
func Pictures() map[string][]byte {
	return map[string][]byte{
		"a PNG of 100,000 by 100,000 pixels":        PictureBomb(100_000, 100_000),
		"a PNG of as many pixels as are read":       PictureBomb(7000, 5300),
		"a TIFF of 100,000 by 100,000 pixels":       directory(0, [2]uint32{256, 100_000}, [2]uint32{257, 100_000}, [2]uint32{273, 8}, [2]uint32{279, 8}),
		"a TIFF of directories without end":         EndlessTIFF(100_000),
		"a TIFF whose directories lead in a circle": directory(8, [2]uint32{256, 9}, [2]uint32{257, 9}),
		"a TIFF of a strip beyond its end":          directory(0, [2]uint32{256, 9}, [2]uint32{257, 9}, [2]uint32{259, 7}, [2]uint32{273, 1 << 30}, [2]uint32{278, 9}, [2]uint32{279, 1 << 31}),
		"a TIFF of tiles of one pixel":              directory(0, [2]uint32{256, 6000}, [2]uint32{257, 6000}, [2]uint32{259, 7}, [2]uint32{322, 1}, [2]uint32{323, 1}, [2]uint32{324, 8}, [2]uint32{325, 8}),
		"a JPEG of 65,535 by 65,535 pixels":         LargeJPEG(),
		"a JPEG that is cut off":                    Photo()[:2000],
		"a JPEG whose EXIF data end after the mark": append([]byte("\xFF\xD8\xFF\xE1\x00\x0CExif\x00\x00MM\x00*"), Photo()[2:]...),
		"a WebP of nothing":                         []byte("RIFF\x04\x00\x00\x00WEBPVP8 "),
		"a WebP of 16,384 by 16,384 pixels":         []byte("RIFF\x16\x00\x00\x00WEBPVP8L\x0a\x00\x00\x00\x2f\xff\xff\xff\x0f\x00\x00\x00\x00\x00"),
		InkAlone:                                    Dust(2400, 3000),
	}
}

// PictureBomb returns a PNG file of black pixels, so that a few kilobytes unpack to all of
// them; one that has more than 100 million ends after its header.
func PictureBomb(w, h int) []byte {
	img := image.NewGray(image.Rect(0, 0, 8, 8))
	if w*h <= 100_000_000 {
		img = image.NewGray(image.Rect(0, 0, w, h))
	}
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	out := encoded(encoder.Encode, img)
	binary.BigEndian.PutUint32(out[16:], uint32(w))
	binary.BigEndian.PutUint32(out[20:], uint32(h))
	binary.BigEndian.PutUint32(out[29:], crc32.ChecksumIEEE(out[12:29]))
	return out
}

// encoded returns a picture as a file.
func encoded(encode func(io.Writer, image.Image) error, img image.Image) []byte {
	var b bytes.Buffer
	if err := encode(&b, img); err != nil {
		panic(err) // a buffer takes all
	}
	return b.Bytes()
}

// directory returns a TIFF file of one directory of numbers, which names the next one.
func directory(next uint32, entries ...[2]uint32) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, 4)
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, e[1])
	}
	return binary.LittleEndian.AppendUint32(b, next)
}

// EndlessTIFF returns a TIFF file of n directories, each of which names the next.
func EndlessTIFF(n int) []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	for range n {
		b = append(b, 1, 0)
		b = append(b, make([]byte, 12)...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(b)+4))
	}
	return b
}

// Photo returns a small JPEG file of some bars, which a reader may take for lines of text.
func Photo() []byte {
	img := image.NewGray(image.Rect(0, 0, 300, 400))
	for y := range 400 {
		for x := range 300 {
			v := 200 + 40*math.Sin(float64(x+y)/50)
			if y%40 < 9 && x%13 < 7 {
				v = 30
			}
			img.SetGray(x, y, color.Gray{Y: uint8(v)})
		}
	}
	return encoded(func(w io.Writer, img image.Image) error { return jpeg.Encode(w, img, nil) }, img)
}

// LargeJPEG returns a JPEG file that claims to be as large as the format allows.
func LargeJPEG() []byte {
	b := Photo()
	at := bytes.Index(b, []byte{0xFF, 0xC0})
	copy(b[at+5:], "\xFF\xFF\xFF\xFF")
	return b
}

// Dust returns a PNG file of specks of the size of letters, as many as there is room for: each
// may be a line of text.
func Dust(w, h int) []byte {
	img := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if x%60 > 14 || y%24 > 14 {
				img.Pix[y*img.Stride+x] = 255
			}
		}
	}
	return encoded(png.Encode, img)
}
