package pdf

import (
	"fmt"
	"slices"

	"tallyman/internal/page"
)

// nearby is how far places of two readers may lie apart, in points.
const nearby = 0.1

// differs says how a page read by the fast reader differs from what PDFium reads, ""
// if it does not: words and their order must be the same, places nearly so.
func differs(a, b *page.Page) string {
	switch {
	case !close(a.Width, b.Width) || !close(a.Height, b.Height):
		return fmt.Sprintf("the size is %v by %v, not %v by %v", a.Width, a.Height, b.Width, b.Height)
	case a.Damage != b.Damage || a.Scan != b.Scan:
		return fmt.Sprintf("the kind is %q %v, not %q %v", a.Damage, a.Scan, b.Damage, b.Scan)
	}
	if why := differ(a.Hidden, b.Hidden); why != "" {
		return "hidden: " + why
	}
	if why := differ(a.Words, b.Words); why != "" {
		return why
	}
	notes := func(p *page.Page) (out []string) {
		for _, n := range p.Notes {
			out = append(out, string(n.Kind)+" "+n.Text)
		}
		return out
	}
	if x, y := notes(a), notes(b); !slices.Equal(x, y) {
		return fmt.Sprintf("the notes are %q, not %q", x, y)
	}
	return ""
}

func close(x, y float32) bool { return abs(x-y) <= nearby }

// differ is differs for words.
func differ(a, b []page.Word) string {
	for i := range max(len(a), len(b)) {
		if i == len(a) {
			return fmt.Sprintf("the word %d, %q, is missing", i, b[i].Text)
		}
		if i == len(b) {
			return fmt.Sprintf("the word %d, %q, is too much", i, a[i].Text)
		}
		v, w := &a[i], &b[i]
		if v.Text != w.Text {
			return fmt.Sprintf("the word %d is %q at %v, not %q at %v", i, v.Text, v.Box, w.Text, w.Box)
		}
		if !close(v.Box.X0, w.Box.X0) || !close(v.Box.Y0, w.Box.Y0) || !close(v.Box.X1, w.Box.X1) || !close(v.Box.Y1, w.Box.Y1) ||
			!close(v.Base, w.Base) || !close(v.Size, w.Size) || !slices.EqualFunc(v.Edges, w.Edges, close) {
			return fmt.Sprintf("the word %d, %q, is at %v %v %v %v, not at %v %v %v %v", i, v.Text, v.Box, v.Base, v.Size, v.Edges, w.Box, w.Base, w.Size, w.Edges)
		}
		if !slices.Equal(v.Joints, w.Joints) {
			return fmt.Sprintf("the word %d, %q, has joints at %v, not %v", i, v.Text, v.Joints, w.Joints)
		}
	}
	return ""
}
