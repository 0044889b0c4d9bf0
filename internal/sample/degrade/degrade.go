// Package degrade makes of the clean picture of a page what scanners and phones make of
// paper: skewed, noisy, unevenly lit, of few pixels, in perspective. The same picture, kind
// and seed give the same bytes.
//
// It knows nothing of how such pictures are read.
package degrade

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"

	"tallyman/internal/fault"
)

// Kind is a way to degrade a picture.
type Kind string

// The kinds.
const (
	Clean     Kind = "clean"      // 300 dots per inch
	Fax       Kind = "bitonal"    // 200 dots per inch, black and white
	Small     Kind = "jpeg"       // 200 dots per inch, strongly compressed
	Skewed    Kind = "skewed"     // 200 dots per inch, turned by a degree or two, specks
	Lit       Kind = "light"      // 200 dots per inch, a third as bright at one corner
	Coarse    Kind = "coarse"     // 150 dots per inch
	GoodPhoto Kind = "good-photo" // by daylight, on a table
	PoorPhoto Kind = "poor-photo" // in the shade, from the side, not sharp
)

// Kinds are all kinds.
var Kinds = []Kind{Clean, Skewed, Small, Lit, Fax, Coarse, GoodPhoto, PoorPhoto}

// Ext returns the extension of a picture's file.
func (k Kind) Ext() string {
	if k == Clean || k == Fax {
		return ".png"
	}
	return ".jpg"
}

// Width is the width of the picture that Make takes, in pixels: letter paper at 300 dots per
// inch.
const Width = 2550

// Check fails with fault.BadRequest for a kind that does not exist.
func (k Kind) Check() error {
	if slices.Contains(Kinds, k) {
		return nil
	}
	names := make([]string, len(Kinds))
	for i, k := range Kinds {
		names[i] = string(k)
	}
	return fault.New(fault.BadRequest, "%q is not a kind of scans; choose %s or %s", string(k), strings.Join(names[:len(names)-1], ", "), names[len(names)-1])
}

// WritePDF writes a PDF whose pages are pictures that Make made of letter paper.
func WritePDF(w io.Writer, pictures [][]byte) error {
	pdf := fpdf.New("P", "pt", "Letter", "")
	made := time.Date(2025, 12, 8, 0, 0, 0, 0, time.UTC)
	pdf.SetCreationDate(made)
	pdf.SetModificationDate(made)
	pdf.SetCatalogSort(true)
	pdf.SetProducer("tallyman sample", false)
	pdf.SetAutoPageBreak(false, 0)
	for i, p := range pictures {
		config, kind, err := image.DecodeConfig(bytes.NewReader(p))
		if err != nil {
			return fmt.Errorf("writing pictures as a PDF: %w", err)
		}
		width, height := 612.0, 792.0
		turn := "P"
		if config.Width > config.Height {
			turn, width, height = "L", height, width
		}
		pdf.AddPageFormat(turn, fpdf.SizeType{Wd: 612, Ht: 792})
		name := fmt.Sprint(i)
		pdf.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: kind}, bytes.NewReader(p))
		pdf.ImageOptions(name, 0, 0, width, height, false, fpdf.ImageOptions{ImageType: kind}, 0, "")
	}
	if err := pdf.Output(w); err != nil {
		return fmt.Errorf("writing pictures as a PDF: %w", err)
	}
	return nil
}

// Make degrades a picture and encodes it. It fails for a kind that does not exist.
func Make(page image.Image, k Kind, seed uint64) ([]byte, error) {
	if err := k.Check(); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, uint64(len(k))<<8|uint64(k[0])))
	img := gray(page)
	w, h := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	quality := 0
	scaled := func(dpi float64) *image.Gray {
		return warped(img, int(w*dpi/300), int(h*dpi/300), func(x, y float64) (float64, float64) { return x * 300 / dpi, y * 300 / dpi }, 300/dpi, nil)
	}
	switch k {
	case Clean:
	case Small:
		img, quality = scaled(200), 40
	case Fax:
		img = scaled(200)
		noise(img, r, 6)
		for i, v := range img.Pix {
			img.Pix[i] = 0
			if v > 150 {
				img.Pix[i] = 255
			}
		}
	case Coarse:
		img, quality = scaled(150), 70
		noise(img, r, 4)
	case Skewed:
		angle := (0.6 + r.Float64()*1.4) * math.Pi / 180
		if r.IntN(2) == 0 {
			angle = -angle
		}
		sin, cos := math.Sincos(angle)
		img = warped(img, int(w/1.5), int(h/1.5), func(x, y float64) (float64, float64) {
			x, y = x*1.5-w/2, y*1.5-h/2
			return w/2 + x*cos + y*sin, h/2 - x*sin + y*cos
		}, 1.5, func(int, int) float64 { return 245 })
		noise(img, r, 8)
		for range 400 { // dust
			x, y, v := r.IntN(img.Rect.Dx()-2), r.IntN(img.Rect.Dy()-2), uint8(r.IntN(120))
			img.Pix[y*img.Stride+x] = v
			img.Pix[y*img.Stride+x+r.IntN(2)] = v
		}
		quality = 60
	case Lit:
		img = scaled(200)
		light(img, 1, 0.35)
		noise(img, r, 5)
		quality = 70
	case GoodPhoto:
		img = photo(img, 2400, 3200, 0.02, 1.0, r)
		light(img, 0.95, 0.75)
		noise(img, r, 4)
		quality = 85
	case PoorPhoto:
		img = photo(img, 1900, 2540, 0.06, 1.9, r)
		light(img, 0.8, 0.4)
		noise(img, r, 8)
		quality = 55
	}
	var b bytes.Buffer
	var err error
	switch {
	case k == Fax:
		p := image.NewPaletted(img.Rect, color.Palette{color.Black, color.White})
		for i, v := range img.Pix {
			p.Pix[i] = v >> 7
		}
		err = png.Encode(&b, p)
	case quality == 0:
		err = png.Encode(&b, img)
	default:
		err = jpeg.Encode(&b, img, &jpeg.Options{Quality: quality})
	}
	return b.Bytes(), err
}

func gray(page image.Image) *image.Gray {
	b := page.Bounds()
	img := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	draw.Draw(img, img.Rect, page, b.Min, draw.Src)
	return img
}

// warped returns a picture whose pixels are the means of squares of another one, of so many
// of its pixels, around the places that from returns. Outside is what around the page is;
// nil is white.
func warped(img *image.Gray, w, h int, from func(x, y float64) (float64, float64), square float64, outside func(x, y int) float64) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	n := max(1, int(math.Ceil(square*1.5)))
	for y := range h {
		for x := range w {
			cx, cy := from(float64(x)+0.5, float64(y)+0.5)
			sum := 0.0
			for i := range n {
				for j := range n {
					px := cx + square*((float64(j)+0.5)/float64(n)-0.5) - 0.5
					py := cy + square*((float64(i)+0.5)/float64(n)-0.5) - 0.5
					sum += at(img, px, py, x, y, outside)
				}
			}
			out.Pix[y*out.Stride+x] = uint8(sum/float64(n*n) + 0.5)
		}
	}
	return out
}

// at returns the brightness between four pixels.
func at(img *image.Gray, x, y float64, ox, oy int, outside func(x, y int) float64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	if ix < 0 || iy < 0 || ix+1 >= img.Rect.Dx() || iy+1 >= img.Rect.Dy() {
		if outside == nil {
			return 255
		}
		return outside(ox, oy)
	}
	u, v := x-fx, y-fy
	p := img.Pix[iy*img.Stride+ix:]
	q := p[img.Stride:]
	return (float64(p[0])*(1-u)+float64(p[1])*u)*(1-v) + (float64(q[0])*(1-u)+float64(q[1])*u)*v
}

// noise adds what sensors add.
func noise(img *image.Gray, r *rand.Rand, deviation float64) {
	for i, v := range img.Pix {
		img.Pix[i] = uint8(max(0, min(255, float64(v)+r.NormFloat64()*deviation)))
	}
}

// light makes a picture darker from one corner to the other.
func light(img *image.Gray, from, to float64) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		for x := range w {
			t := (float64(x)/float64(w) + float64(y)/float64(h)) / 2
			i := y*img.Stride + x
			img.Pix[i] = uint8(float64(img.Pix[i]) * (from + (to-from)*t*t*(3-2*t)))
		}
	}
}

// photo shows a page on a dark table. Its corners are off by up to a part of the picture.
func photo(img *image.Gray, w, h int, off, blur float64, r *rand.Rand) *image.Gray {
	fw, fh := float64(w), float64(h)
	pw, ph := float64(img.Rect.Dx()), float64(img.Rect.Dy())
	wide := min(0.9*fw, 0.9*fh*pw/ph)
	high := wide * ph / pw
	x0, y0 := (fw-wide)/2, (fh-high)/2
	corner := func(x, y float64) [2]float64 {
		return [2]float64{x + (r.Float64()*2-1)*off*fw, y + (r.Float64()*2-1)*off*fh}
	}
	to := [4][2]float64{corner(x0, y0), corner(x0+wide, y0), corner(x0+wide, y0+high), corner(x0, y0+high)}
	m := homography(to, [4][2]float64{{0, 0}, {pw, 0}, {pw, ph}, {0, ph}})
	return warped(img, w, h, func(x, y float64) (float64, float64) {
		d := m[6]*x + m[7]*y + 1
		return (m[0]*x + m[1]*y + m[2]) / d, (m[3]*x + m[4]*y + m[5]) / d
	}, pw/wide*max(1, blur), func(x, y int) float64 { return 70 + 12*math.Sin(float64(y)/23+math.Sin(float64(x)/150)) })
}

// homography returns the projection that takes four points to four others.
func homography(from, to [4][2]float64) [8]float64 {
	var a [8][9]float64
	for i := range 4 {
		x, y, u, v := from[i][0], from[i][1], to[i][0], to[i][1]
		a[2*i] = [9]float64{x, y, 1, 0, 0, 0, -u * x, -u * y, u}
		a[2*i+1] = [9]float64{0, 0, 0, x, y, 1, -v * x, -v * y, v}
	}
	for i := range 8 {
		p := i
		for j := i; j < 8; j++ {
			if math.Abs(a[j][i]) > math.Abs(a[p][i]) {
				p = j
			}
		}
		a[i], a[p] = a[p], a[i]
		for j := range 8 {
			if j == i {
				continue
			}
			f := a[j][i] / a[i][i]
			for k := i; k < 9; k++ {
				a[j][k] -= f * a[i][k]
			}
		}
	}
	var m [8]float64
	for i := range m {
		m[i] = a[i][8] / a[i][i]
	}
	return m
}
