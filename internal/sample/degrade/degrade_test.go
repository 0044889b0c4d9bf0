package degrade

import (
	"bytes"
	"image"
	"image/color"
	"testing"

	"tallyman/internal/testing/must"
)

func page() *image.Gray {
	img := image.NewGray(image.Rect(0, 0, 255, 330))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for y := 100; y < 200; y++ {
		for x := 60; x < 180; x++ {
			img.SetGray(x, y, color.Gray{Y: uint8(x % 40)})
		}
	}
	return img
}

func TestTheSameSeedMakesTheSamePicture(t *testing.T) {
	seen := map[string]Kind{}
	for _, k := range Kinds {
		if k == GoodPhoto || k == PoorPhoto {
			continue // of many pixels, whatever the page
		}
		one, err := Make(page(), k, 1)
		must.OK(t, err)
		again, _ := Make(page(), k, 1)
		if !bytes.Equal(one, again) {
			t.Errorf("%s differs from itself", k)
		}
		if k == Skewed {
			if other, _ := Make(page(), k, 2); bytes.Equal(one, other) {
				t.Errorf("%s is the same with another seed", k)
			}
		}
		img, kind, err := image.Decode(bytes.NewReader(one))
		if err != nil || "."+kind != map[string]string{".jpg": ".jpeg", ".png": ".png"}[k.Ext()] {
			t.Errorf("%s is a %s, %v", k, kind, err)
			continue
		}
		b := img.Bounds()
		if r, _, _, _ := img.At(b.Dx()/2, b.Dy()/2).RGBA(); r > 0x8000 {
			t.Errorf("%s has lost what is on the page", k)
		}
		if before, ok := seen[string(one)]; ok {
			t.Errorf("%s is the same as %s", k, before)
		}
		seen[string(one)] = k
	}
	if _, err := Make(page(), "fax", 1); err == nil {
		t.Error("there is a kind fax")
	}
}

func TestAPDFOfPictures(t *testing.T) {
	p, err := Make(page(), Fax, 1)
	must.OK(t, err)
	var one, two bytes.Buffer
	must.OK(t, WritePDF(&one, [][]byte{p, p}))
	if err := WritePDF(&two, [][]byte{p, p}); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Errorf("the same pictures make another PDF; %v", err)
	}
	if err := WritePDF(&one, [][]byte{[]byte("no picture")}); err == nil {
		t.Error("what is not a picture became a page")
	}
}
