// Package text writes numbers and sizes for people.
package text

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Count returns a number with its noun: "1 page", "2 pages", "3 near misses".
func Count(n int, what string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(what, "s"):
		what += "es"
	default:
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// Figure returns a figure with commas between thousands: "2427.1" becomes "2,427.1". What
// is no plain figure, or has separators already, stays as it is.
func Figure(s string) string {
	sign, digits := "", s
	if strings.HasPrefix(s, "-") {
		sign, digits = "-", s[1:]
	}
	whole, rest, dot := strings.Cut(digits, ".")
	notDigit := func(r rune) bool { return r < '0' || r > '9' }
	if len(whole) < 4 || strings.ContainsFunc(whole+rest, notDigit) || whole[0] == '0' {
		return s
	}
	var b strings.Builder
	b.WriteString(sign)
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if dot {
		b.WriteString("." + rest)
	}
	return b.String()
}

// Verb returns a number with its noun and verb: "1 file was", "2 files were".
func Verb(n int, what, one, more string) string {
	if n == 1 {
		more = one
	}
	return Count(n, what) + " " + more
}

// List returns the first elements as each writes them, and the number of the others:
// "a, b and 3 more".
func List[T any](list []T, most int, each func(T) string) string {
	var b strings.Builder
	for i, e := range list[:min(len(list), most)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(each(e))
	}
	if more := len(list) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}

// Itself returns a text as it is, for List.
func Itself(s string) string { return s }

// Each returns what a function makes of each element. It is never nil, so that JSON has an empty
// list.
func Each[S, T any](list []S, of func(S) T) []T {
	made := make([]T, len(list))
	for i, e := range list {
		made[i] = of(e)
	}
	return made
}

// Shorten returns at most a number of characters of a text, and "…" if it is longer.
func Shorten(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	for i := range s {
		if most--; most < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// Quote returns a text in quotation marks, for a sentence. Unlike a quotation of Go's it
// doubles no backslash, and leaves quotation marks as they are; control characters become
// spaces.
func Quote(s string) string {
	return `"` + strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD")) + `"`
}

// Size returns a size in words: "1 byte", "1.5 kB", "3.0 MB". A kB is 1,024 bytes.
func Size(bytes int64) string {
	for _, u := range []struct {
		bytes int64
		name  string
	}{{1 << 40, "TB"}, {1 << 30, "GB"}, {1 << 20, "MB"}, {1 << 10, "kB"}} {
		if bytes >= u.bytes {
			return fmt.Sprintf("%.1f %s", float64(bytes)/float64(u.bytes), u.name)
		}
	}
	return Count(int(bytes), "byte")
}
