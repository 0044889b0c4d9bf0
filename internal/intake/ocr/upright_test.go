package ocr

import (
	"fmt"
	"image"
	"maps"
	"reflect"
	"strings"
	"testing"

	"tallyman/internal/page"
	"tallyman/internal/testing/must"
)

// Pages that lie on their side or upside down are turned, and those that stand upright are
// left alone.
func TestPagesAreTurnedUpright(t *testing.T) {
	r, err := Shared()
	must.OK(t, err)
	s := blank(t)
	for i := range 6 {
		s.text(72, 100+40*float64(i), fmt.Sprintf("CARTONS %d STYLE D0465%dLA", 11+i, i))
		s.text(320, 100+40*float64(i), fmt.Sprintf("WEIGHT %d.%d pounds", 100+7*i, i%10))
	}
	s.rule(60, 80, 540, 81)
	s.rule(60, 80, 61, 600)
	for turns := range 3 { // three quarters are found as one is
		sheet, err := r.Upright(Prepare(quarters(s.Gray, turns)), func() error { return nil })
		must.OK(t, err)
		if want := (4 - turns) % 4; sheet.Turns != want {
			t.Errorf("a page turned by %d quarters is turned by %d, want %d", turns, sheet.Turns, want)
		}
		if sheet.Gray.Rect.Dx() > sheet.Gray.Rect.Dy() {
			t.Errorf("turned by %d quarters it is %v", turns, sheet.Gray.Rect)
		}
	}
	// What says nothing stays as it is.
	for name, sheet := range map[string]*sheet{"blank": blank(t)} {
		if got, err := r.Upright(Prepare(sheet.Gray), func() error { return nil }); err != nil || got.Turns != 0 {
			t.Errorf("%s: turned by %d, %v", name, got.Turns, err)
		}
	}
}

// Lines that were read to find the direction are not read again, and say what they would.
func TestLinesReadForTheDirectionAreKept(t *testing.T) {
	s := blank(t)
	for i := range 20 {
		s.text(72, 100+30*float64(i), fmt.Sprintf("CARTONS %d STYLE D0465%dLA", 11+i, i))
	}
	want, _ := read(t, s.Gray)
	r, err := Shared()
	must.OK(t, err)
	alive := func() error { return nil }
	sheet, err := r.Upright(Prepare(s.Gray), alive)
	must.OK(t, err)
	kept := maps.Clone(sheet.found.texts)
	for range 2 {
		got, err := r.Read(sheet, sheet.Width(), alive)
		must.OK(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read %v, want %v", got, want)
		}
	}
	if len(kept) != tried {
		t.Errorf("%d lines are kept", len(kept))
	}
	for l, text := range kept {
		if sheet.found.texts[l] != text {
			t.Error("a line was read twice")
		}
	}
}

// Who takes a picture is told what to do better, and nobody else is.
func TestPoorPicturesAreNamed(t *testing.T) {
	s := blank(t)
	for y := 100.0; y < 260; y += 30 {
		s.text(72, y, "PIECES 240 WEIGHT 35.3 lb")
	}
	shaded := image.NewGray(s.Rect)
	for i, v := range s.Pix {
		shaded.Pix[i] = v / 5
	}
	far := reduced(s.Gray, 540)
	for name, c := range map[string]struct {
		img  *image.Gray
		says string
	}{"good": {s.Gray, ""}, "dark": {shaded, "too dark"}, "far": {far, "from too far"}} {
		p, _ := read(t, c.img)
		var said string
		for _, n := range p.Notes {
			if n.Kind == page.Poor {
				said += n.Message
			}
		}
		if c.says == "" && said != "" || !strings.Contains(said, c.says) {
			t.Errorf("%s: %q", name, said)
		}
	}
}
