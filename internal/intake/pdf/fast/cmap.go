package fast

import (
	"slices"
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
func (d *Document) toUnicode(o any) (_ *toUnicode, err error) {
	defer caught(&err)
	v := need(d.f.get(o))
	if v == nil {
		return nil, nil
	}
	check := func(ok bool) { expect(ok, "a map to Unicode") }
	s, ok := v.(stream)
	check(ok)
	u := &toUnicode{map[uint32][]rune{}}
	x := &lexer{b: need(d.f.data(s, nil))}
	next := func() any {
		o, err := x.next()
		check(err == nil)
		return o
	}
	code := func(o any) (v uint32, length int) {
		s, _ := o.(str)
		check(len(s) == 1 || len(s) == 2)
		for _, c := range s {
			v = v<<8 | uint32(c)
		}
		return v, len(s)
	}
	text := func(o any) (out []rune) {
		s, ok := o.(str)
		check(ok && len(s)%2 == 0 && len(s) <= 64)
		for i := 0; i < len(s); i += 2 {
			r := rune(s[i])<<8 | rune(s[i+1])
			if utf16.IsSurrogate(r) {
				return nil
			}
			out = append(out, r)
		}
		return out
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
	for {
		x.skip()
		if x.i >= len(x.b) {
			return u, nil
		}
		switch next() {
		case keyword("usecmap"), keyword("begincidrange"), keyword("begincidchar"):
			check(false)
		case keyword("beginbfchar"):
			for o := next(); o != keyword("endbfchar"); o = next() {
				c, _ := code(o)
				check(set(c, text(next())))
			}
		case keyword("beginbfrange"):
			for o := next(); o != keyword("endbfrange"); o = next() {
				from, n := code(o)
				last, m := code(next())
				check(n == m && last >= from)
				to := next()
				if list, ok := to.([]any); ok {
					check(len(list) > int(last-from))
					for c := from; c <= last; c++ {
						check(set(c, text(list[c-from])))
					}
					continue
				}
				s, _ := to.(str)
				r := text(to)
				check(len(s) > 0)
				if len(r) == 0 {
					for c := from; c <= last; c++ {
						set(c, nil)
					}
					continue
				}
				// Only the last byte counts up; an overflow is undefined.
				check(int(s[len(s)-1])+int(last-from) <= 0xFF || len(r) == 1)
				for c := from; c <= last; c++ {
					to := slices.Clone(r)
					to[len(to)-1] += rune(c - from)
					check(!utf16.IsSurrogate(to[len(to)-1]) && to[len(to)-1] <= 0xFFFF)
					check(set(c, to))
				}
			}
		}
	}
}
