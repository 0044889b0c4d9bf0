package fast

import (
	"unicode/utf16"
)

// toUnicode maps codes to characters (ISO 32000-1, 9.10.3).
type toUnicode struct{ runes map[uint32][]rune }

func (u *toUnicode) of(code uint32) []rune {
	if u == nil {
		return nil
	}
	return u.runes[code]
}

// toUnicode reads a font's ToUnicode map, nil if there is none.
func (d *Document) toUnicode(o any) (*toUnicode, error) {
	v, err := d.f.get(o)
	if err != nil || v == nil {
		return nil, err
	}
	s, ok := v.(stream)
	if !ok {
		return nil, declined("a map to Unicode")
	}
	data, err := d.f.data(s, nil)
	if err != nil {
		return nil, err
	}
	u := &toUnicode{map[uint32][]rune{}}
	x := &lexer{b: data}
	code := func(o any) (uint32, int, bool) {
		s, ok := o.(str)
		if !ok || len(s) == 0 || len(s) > 2 {
			return 0, 0, false
		}
		var v uint32
		for _, c := range s {
			v = v<<8 | uint32(c)
		}
		return v, len(s), true
	}
	text := func(o any) ([]rune, bool) {
		s, ok := o.(str)
		if !ok || len(s)%2 == 1 || len(s) > 64 {
			return nil, false
		}
		var out []rune
		for i := 0; i < len(s); i += 2 {
			r := rune(s[i])<<8 | rune(s[i+1])
			if utf16.IsSurrogate(r) {
				return nil, true
			}
			out = append(out, r)
		}
		return out, true
	}
	set := func(c uint32, r []rune) bool {
		all := []rune{} // a code without characters is declined if it is used
		if len(r) > 0 && r[0] != 0 {
			for _, c := range r {
				all = append(all, expanded(c)...)
			}
		}
		if old, twice := u.runes[c]; twice && string(old) != string(all) {
			return false
		}
		u.runes[c] = all
		return len(u.runes) <= 1<<16
	}
	bad := declined("a map to Unicode")
	for {
		x.skip()
		if x.i >= len(x.b) {
			return u, nil
		}
		o, err := x.next()
		if err != nil {
			return nil, bad
		}
		switch o {
		case keyword("usecmap"), keyword("begincidrange"), keyword("begincidchar"):
			return nil, bad
		case keyword("beginbfchar"):
			for {
				o, err := x.next()
				if err != nil {
					return nil, bad
				}
				if o == keyword("endbfchar") {
					break
				}
				c, _, ok := code(o)
				to, err := x.next()
				r, ok2 := text(to)
				if err != nil || !ok || !ok2 || !set(c, r) {
					return nil, bad
				}
			}
		case keyword("beginbfrange"):
			for {
				o, err := x.next()
				if err != nil {
					return nil, bad
				}
				if o == keyword("endbfrange") {
					break
				}
				from, n, ok := code(o)
				end, err1 := x.next()
				last, m, ok2 := code(end)
				to, err2 := x.next()
				if err1 != nil || err2 != nil || !ok || !ok2 || n != m || last < from || last > 0xFFFF {
					return nil, bad
				}
				if list, ok := to.([]any); ok {
					if len(list) < int(last-from)+1 {
						return nil, bad
					}
					for c := from; c <= last; c++ {
						r, ok := text(list[c-from])
						if !ok || !set(c, r) {
							return nil, bad
						}
					}
					continue
				}
				s, ok := to.(str)
				r, ok2 := text(to)
				if !ok || !ok2 || len(s) < 2 {
					return nil, bad
				}
				if len(r) == 0 {
					for c := from; c <= last; c++ {
						set(c, nil)
					}
					continue
				}
				// Only the last byte counts up; an overflow is undefined.
				if int(s[len(s)-1])+int(last-from) > 0xFF && len(r) > 1 {
					return nil, bad
				}
				for c := from; c <= last; c++ {
					to := append([]rune(nil), r...)
					to[len(to)-1] += rune(c - from)
					if utf16.IsSurrogate(to[len(to)-1]) || to[len(to)-1] > 0xFFFF {
						return nil, bad
					}
					if !set(c, to) {
						return nil, bad
					}
				}
			}
		}
	}
}
