package recognise

// Char is a character that was read.
type Char struct {
	Rune rune
	// At is where its middle is, as a part of the picture's width.
	At float32
	// Sure is how likely it is, from 0 to 1.
	Sure float32
	// Other is what else it may be, 0 for nothing that is likely enough to matter, and
	// OtherSure how likely that is. NoChar is not a character at all.
	Other     rune
	OtherSure float32
}

// NoChar says that there may be no character where one was read.
const NoChar rune = -1

// least is how likely something must be to matter.
const least = 0.002

// Reading reads one line after the other, with memory of its own.
type Reading struct {
	m *Recogniser
	w work
}

// Begin returns a Reading, for one goroutine.
func (m *Recogniser) Begin() *Reading { return &Reading{m: m} }

// Read reads a line of text of Height rows of width pixels, black on white, from 0 (black)
// to 255. It reads nothing from a picture that is narrower than one step.
func (r *Reading) Read(pixels []byte, width int) []Char {
	if width < 2*Step || len(pixels) < Height*width {
		return nil
	}
	return r.m.likeliest(r.m.run(&r.w, pixels, width))
}

// likeliest returns the likeliest character of each step, those that follow each other once.
func (m *Recogniser) likeliest(steps int, scores []float32) []Char {
	n := len(m.chars) + 1
	var out []Char
	before := rune(0)
	for t := range steps {
		row := scores[t*n : (t+1)*n]
		best := 0
		for c, v := range row {
			if v > row[best] {
				best = c
			}
		}
		if best == 0 {
			before = 0
			continue
		}
		char := m.chars[best-1]
		// What else it may be: signs of full width are the same as others.
		sure, other, otherSure := float32(0), rune(0), float32(0)
		for c, p := range row {
			o := NoChar
			if c > 0 {
				o = m.chars[c-1]
			}
			if o == char {
				sure += p
			} else if p > otherSure {
				other, otherSure = o, p
			}
		}
		if otherSure < least {
			other, otherSure = 0, 0
		}
		at := (float32(t) + 0.5) / float32(steps)
		if char == before {
			last := &out[len(out)-1]
			if sure > last.Sure {
				last.Sure, last.At, last.Other, last.OtherSure = sure, at, other, otherSure
			}
			continue
		}
		before = char
		out = append(out, Char{char, at, sure, other, otherSure})
	}
	return out
}
