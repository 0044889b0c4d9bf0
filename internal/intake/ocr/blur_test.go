package ocr

import (
	"image"
	"strings"
	"testing"

	"tallyman/internal/page"
)

// unsharp returns a picture as it is out of focus: each pixel is the mean of a square around it, twice.
func unsharp(img *image.Gray, radius int) *image.Gray {
	for range 2 {
		for _, step := range [2]int{1, img.Stride} {
			out := image.NewGray(img.Rect)
			for i := range img.Pix {
				sum, n := 0, 0
				for k := -radius; k <= radius; k++ {
					if j := i + k*step; j >= 0 && j < len(img.Pix) {
						sum += int(img.Pix[j])
						n++
					}
				}
				out.Pix[i] = uint8(sum / n)
			}
			img = out
		}
	}
	return img
}

// Somebody who holds the camera still can take a better picture of what is not sharp.
func TestPicturesThatAreNotSharpAreNamed(t *testing.T) {
	s := blank(t)
	for y := 100.0; y < 220; y += 30 {
		s.text(72, y, "Received in good order 1,037.42")
	}
	for radius, blurred := range map[int]bool{0: false, 1: false, 4: true} {
		p, _ := read(t, unsharp(s.Gray, radius))
		said := ""
		for _, n := range p.Notes {
			if n.Kind == page.Poor {
				said = n.Message
			}
		}
		if strings.Contains(said, "blurred") != blurred || !blurred && said != "" {
			t.Errorf("blurred by %d pixels, it says %q", radius, said)
		}
	}
}
