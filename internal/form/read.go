package form

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tallyman/internal/page"
)

// MaxPages bounds the pages that are read freely of one document.
const MaxPages = 2000

// Result is what free reading finds on pages.
type Result struct {
	Bills []Bill
	// Others are the pages that belong to no bill.
	Others []Remark
}

// Remark says what is on a page that belongs to no bill.
type Remark struct {
	Page int
	// Title is what the page calls itself, such as "bill of lading"; "" if it does not.
	Title string
	// Message says for people what was found, without a full stop. It is "" if the page
	// has nothing of a bill.
	Message string
}

// Read reads pages of one document, in order, that no known form claims: by the learnt form
// whose headings they have, or freely. What free reading proves and the learnt form does
// not is read freely.
func Read(pages []page.Page, forms ...Form) Result {
	var out Result
	groups := groupsOf(pages, forms, &node{}, &out)
	for _, g := range groups {
		b, rest := g.bill(forms)
		if b != nil {
			out.Bills = append(out.Bills, *b)
		}
		out.Others = append(out.Others, rest...)
	}
	slices.SortStableFunc(out.Others, func(a, b Remark) int { return cmp.Compare(a.Page, b.Page) })
	return out
}

// groupsOf groups pages by the bills that they belong to. shown are headings besides those
// of the lexicon.
func groupsOf(pages []page.Page, forms []Form, shown *node, out *Result) (groups []*group) {
	byNumber := map[string]*group{}
	var current *group
	before := 0
	for i := range pages {
		if i == MaxPages {
			out.Others = append(out.Others, Remark{Page: pages[i].Number, Message: fmt.Sprintf("the document has more than %d pages that no known form claims; those from here on were not read", MaxPages)})
			break
		}
		all := leaves(&pages[i], before, forms, shown)
		for _, s := range all {
			groups, current = assign(s, groups, current, byNumber)
		}
		before = len(all)
	}
	for _, g := range groups {
		g.sort()
	}
	return groups
}

// sort puts the pages of a bill in their own order if all of them say which they are: they may
// have been scanned from the last to the first.
func (g *group) sort() {
	if !slices.ContainsFunc(g.pages, func(s *leaf) bool { return s.n == 0 }) {
		slices.SortStableFunc(g.pages, func(a, b *leaf) int { return cmp.Compare(a.n, b.n) })
	}
}

// tabled reports whether a page has the headings of a table.
func (s *leaf) tabled() bool { return len(s.bands) > 0 || len(s.fits) > 0 }

// assign adds a page to the group of its bill, current or another one, and returns that.
func assign(s *leaf, groups []*group, current *group, byNumber map[string]*group) ([]*group, *group) {
	g := current
	switch number := s.id.number.Text; {
	case number != "":
		key := page.Seen(number)
		if g = byNumber[key]; g == nil {
			if current != nil && current.number == "" && current.pages[0].n == 1 && s.n > 1 && current.pages[0].m == s.m {
				g = current // the number comes on a later page
			} else {
				g = &group{}
				groups = append(groups, g)
			}
			g.number = number
			byNumber[key] = g
		}
	case g == nil || s.n == 1 && s.m > 0 || s.m == 0 && s.id.title != "" && s.tabled() && current.complete(s):
		g = &group{}
		groups = append(groups, g)
	}
	g.pages = append(g.pages, s)
	return groups, g
}

// group are the pages of one bill.
type group struct {
	number string
	pages  []*leaf
}

// complete reports whether a page that names itself begins another bill without a number.
func (g *group) complete(s *leaf) bool {
	return g.number == "" && len(g.pages) > 0 && g.pages[0].id.title == s.id.title && g.pages[0].tabled()
}

// remark says what is on a page without lines.
func (s *leaf) remark() Remark {
	r := Remark{Page: s.number, Title: s.id.title}
	what := "the page"
	if s.id.title != "" {
		article := "a "
		if strings.ContainsAny(s.id.title[:1], "aeiou") {
			article = "an "
		}
		what = "this is " + article + s.id.title
	}
	var names []string
	for _, b := range s.bands {
		for _, h := range b.columns {
			names = append(names, strings.ToLower(strings.Join(h.tokens, " ")))
		}
	}
	switch {
	case len(names) > 0:
		if len(names) > 6 {
			names = append(names[:6], "…")
		}
		r.Message = fmt.Sprintf("%s; the headings %s were found, and no rows with figures under them: it is a blank form, or its table could not be read; show us the columns", what, strings.Join(names, ", "))
	case s.id.title != "":
		r.Message = what + ", but no headings of a table were found; show us the columns"
	}
	return r
}
