package ocr

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"

	"tallyman/internal/testing/must"
)

// table draws a table of styles, descriptions and weights in a font.
func table(t *testing.T, ttf []byte, styles, descriptions []string) *sheet {
	t.Helper()
	s := blank(t)
	f, err := opentype.Parse(ttf)
	must.OK(t, err)
	s.face, err = opentype.NewFace(f, &opentype.FaceOptions{Size: 9, DPI: 200})
	must.OK(t, err)
	for i, style := range styles {
		y := 80 + 24*float64(i)
		s.text(72, y, style)
		if len(descriptions) > 0 {
			s.text(250, y, descriptions[i%len(descriptions)])
		}
		s.text(450, y, []string{"20.30", "104.06", "38.50", "7.00"}[i%4])
	}
	return s
}

// In one font the zero has a stroke, in the other one it is narrower than an O.
func TestLettersAndDigitsOfAWordAreToldApartByTheirShapes(t *testing.T) {
	styles := []string{
		"28281OL", "Q51576OL", "D72933XO", "80152OL", "O31533RO", "49553OL", "91445XO", // read with zeros alone
		"95887RO", "D08709LA", "D00492LA", "C03660BA", "Q00014LX",
	}
	for name, ttf := range map[string][]byte{"with a stroke": gomono.TTF, "narrow": goregular.TTF} {
		for with, descriptions := range map[string][]string{"letters": {"BOYS PANT", "LONG ROBE", "TOPS AND COATS"}, "no letters": nil} {
			t.Run(name+", "+with, func(t *testing.T) {
				p, _ := read(t, table(t, ttf, styles, descriptions).Gray)
				for _, style := range styles {
					w := find(t, p, style)
					for i, r := range w.Text {
						// What the recogniser holds for less likely stays doubtful.
						if g := w.Glyphs[i]; g.Other > 0 && g.OtherSure > g.Sure && (g.Sure > doubtful || !strings.ContainsRune("O0", r)) {
							t.Errorf("the %c of %s is %+v", r, style, g)
						}
					}
				}
				for _, w := range p.Words {
					known := slices.Concat(styles, descriptions, []string{"20.30", "104.06", "38.50", "7.00"})
					if !strings.Contains(strings.Join(known, " "), w.Text) {
						t.Errorf("%s was read", w.Text)
					}
				}
			})
		}
	}
}

// Where a page has nothing to compare with, what was read stays, and its doubt is noted.
func TestWithoutExamplesNothingIsChanged(t *testing.T) {
	p, _ := read(t, table(t, gomono.TTF, []string{"D72933XO"}, nil).Gray)
	for _, w := range p.Words {
		for i, g := range w.Glyphs {
			if g.OtherSure > g.Sure {
				t.Errorf("character %d of %s is %+v", i, w.Text, g)
			}
		}
	}
}
