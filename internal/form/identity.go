package form

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// identity is what a page says about the bill that it belongs to.
type identity struct {
	number     Cell
	rank       int // how good the label of the number is; the least is the best
	references []Reference
	parties    []Party
	title      string // "bill of lading", "packing list", …; "" if it does not say
}

// label is a text that names the value beside or under it.
type label struct {
	tokens []string
	name   string
	rank   int
	party  bool
}

// labels are what forms print beside numbers and companies. Those of a bill's number come
// in the order of their rank.
var labels = func() map[string][]label {
	out := map[string][]label{}
	add := func(name string, party bool, list string) {
		for i, text := range strings.Split(list, "|") {
			tokens := strings.Fields(text)
			out[tokens[0]] = append(out[tokens[0]], label{tokens, name, i, party})
		}
	}
	add("number", false, "BILL OF LADING NUMBER|BILL OF LADING NO|BILL OF LADING #|BOL NUMBER|BOL NO|BOL #|B L NUMBER|B L NO|B L #|BL NO|BL #|BL NUMBER|BOL|BILL OF LADING|BILL NO|SHIPPER #|SHIPPER NO|PACKING LIST NO|PACKING LIST NUMBER|PACKING LIST #|PACKING SLIP NO|PACKING SLIP #|PACKING SLIP NUMBER|DELIVERY NOTE NO|SHIPMENT NO|SHIPMENT #|SHIPMENT NUMBER|SHIPMENT ID|INVOICE NO|INVOICE #|INVOICE NUMBER|INVOICE|LOAD #|LOAD NO|LOAD NUMBER")
	add("pro", false, "PRO NUMBER|PRO NO|PRO #|PRO")
	add("scac", false, "SCAC|SCAC CODE")
	add("trailer", false, "TRAILER NUMBER|TRAILER NO|TRAILER #|TRAILER")
	add("seal", false, "SEAL NUMBER S|SEAL NUMBERS|SEAL NUMBER|SEAL NO|SEAL NOS|SEAL #|SEAL NUM|SEAL")
	add("po", false, "PURCHASE ORDER NUMBER|PURCHASE ORDER NO|PURCHASE ORDER|CUSTOMER PO NO|CUSTOMER PO|CUSTOMER P O NO|PO NUMBER|PO NO|PO #|PO")
	add("date", false, "SHIP DATE|SHIPPED DATE|DATE")
	add("vessel", false, "VESSEL VOYAGE NO|VESSEL & VOYAGE NO|VESSEL VOYAGE|VESSEL")
	add("ship_from", true, "SHIP FROM|FROM SHIPPER|CONSIGNOR|CONSIGNER SHIPPER|SHIPPER CONSIGNOR|SHIPPER|EXPORTER|VENDOR|FROM")
	add("ship_to", true, "SHIP TO|SHIPPED TO|TO CONSIGNEE|CONSIGNED TO|CONSIGNEE OR ORDER|CONSIGNEE|DELIVER TO|DELIVERY TO|TO")
	add("bill_to", true, "THIRD PARTY FREIGHT CHARGES BILL TO|3RD PARTY FREIGHT CHARGES BILL TO|FREIGHT CHARGES BILL TO|BILL TO|SOLD TO|INVOICE TO")
	add("carrier", true, "CARRIER NAME|NAME OF CARRIER|CARRIER|SHIP VIA|SHIPPED VIA|TRUCKER")
	add("notify", true, "NOTIFY PARTY|NOTIFY ADDRESS|NOTIFY")
	return out
}()

// titles are the names that documents have.
var titles = []string{"BILL OF LADING", "PACKING LIST", "PACKING SLIP", "DELIVERY NOTE", "CARRIER CONFIRMATION", "RATE CONFIRMATION", "LOAD CONFIRMATION", "WAYBILL", "DELIVERY ORDER", "SHIPPING ORDER", "CONSIGNMENT NOTE", "FRACHTBRIEF", "LIEFERSCHEIN", "PACKLISTE", "BON DE LIVRAISON", "LISTE DE COLISAGE", "DOCUMENTO DI TRASPORTO", "LISTA DE EMPAQUE", "ALBARAN", "INVOICE"}

var (
	pageOf    = regexp.MustCompile(`(?i)\bpages?\s*:?[\s_.,'-]*(\d{1,4})[\s_.,'-]*(?:[o0]f|/)[\s_.,'-]*(\d{1,4})\b`)
	dateShape = regexp.MustCompile(`^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$`)
)

// identify reads what a page says about its bill.
func (s *leaf) identify() {
	s.id.rank = 1 << 10
	type found struct {
		label
		words []*word
		line  int
	}
	var all []found
	marks := map[*word]bool{} // the words of labels
	for i, l := range s.lines {
		text, _ := textOf(l.words)
		if m := pageOf.FindStringSubmatch(text); m != nil && s.m == 0 {
			n, _ := strconv.Atoi(m[1])
			of, _ := strconv.Atoi(m[2])
			if n >= 1 && n <= of && of <= 2000 {
				s.n, s.m = n, of
			}
		}
		if s.id.title == "" {
			s.id.title = titleOf(l)
		}
		for j := 0; j < len(l.tokens); j++ {
			if j > 0 && l.tokens[j-1].word == l.tokens[j].word {
				continue
			}
			var best *label
			for k := range labels[l.tokens[j].key] {
				c := &labels[l.tokens[j].key][k]
				if (best == nil || len(c.tokens) > len(best.tokens)) && s.spells(l, j, c.tokens) {
					best = c
				}
			}
			if best == nil || l.tokens[j].word.heading {
				continue
			}
			if end := j + len(best.tokens); end < len(l.tokens) && (l.tokens[end].key == "BOX" || l.tokens[end].key == "CODE") {
				continue // PO BOX, zip codes
			}
			f := found{label: *best, line: i}
			for k := range best.tokens {
				w := l.tokens[j+k].word
				if len(f.words) == 0 || f.words[len(f.words)-1] != w {
					f.words = append(f.words, w)
				}
				marks[w] = true
			}
			// A word or two is a label only with a colon, at the beginning of its cell.
			all = append(all, f)
			j += len(best.tokens) - 1
		}
		if len(all) > 400 {
			break
		}
	}
	seen := map[string]bool{}
	for _, f := range all {
		last := f.words[len(f.words)-1]
		colon := strings.HasSuffix(last.Text, ":")
		if !colon && !s.begins(s.lines[f.line], f.words[0]) {
			continue
		}
		if f.party {
			if seen[f.name] {
				continue
			}
			if lines := s.party(f.name, f.line, f.words, marks); len(lines) > 0 {
				s.id.parties = append(s.id.parties, Party{Role: f.name, Lines: lines})
				seen[f.name] = true
			}
			continue
		}
		v, ok := s.valueOf(f.line, f.words, marks, f.name)
		if !ok {
			continue
		}
		if f.name == "number" {
			if f.rank < s.id.rank && validNumber(v.Text) {
				s.id.number, s.id.rank = v, f.rank
			}
			continue
		}
		if !seen[f.name] {
			seen[f.name] = true
			s.id.references = append(s.id.references, Reference{Name: f.name, Cell: v})
		}
	}
	slices.SortStableFunc(s.id.references, func(a, b Reference) int { return cmp.Compare(a.Name, b.Name) })
}

// titleOf returns the name of a document that stands by itself on a line; "" if none does.
func titleOf(l *line) string {
	for _, ph := range phrases(l.words, 0.9) {
		var keys []string
		for _, w := range ph {
			keys = append(keys, w.tokens()...)
		}
		for len(keys) > 0 && titleKinds[keys[0]] {
			keys = keys[1:]
		}
		text := strings.Join(keys, " ") + " "
		for _, t := range titles {
			if strings.HasPrefix(text, t+" ") && len(keys) <= 9 {
				return strings.ToLower(t)
			}
		}
	}
	return ""
}

// titleKinds may stand before the name of a document.
var titleKinds = map[string]bool{"STRAIGHT": true, "UNIFORM": true, "MULTIMODAL": true, "OCEAN": true, "MASTER": true, "VICS": true, "COMBINED": true, "TRANSPORT": true, "ORIGINAL": true, "COMMERCIAL": true, "DOMESTIC": true, "INTERNATIONAL": true, "INTERNATIONALER": true}

func validNumber(text string) bool {
	return hasDigit(text) && len(text) >= 3 && len(text) <= 40 && !dateShape.MatchString(text) && strings.Count(text, " ") <= 1
}

// spells reports whether the tokens of a line from j on are those of a label, close
// together.
func (s *leaf) spells(l *line, j int, tokens []string) bool {
	if j+len(tokens) > len(l.tokens) {
		return false
	}
	for k, want := range tokens {
		t := l.tokens[j+k]
		if t.key != want {
			return false
		}
		if k > 0 {
			prev := l.tokens[j+k-1].word
			if prev != t.word && (t.word.Box.X0-prev.Box.X1 > 1.7*prev.Size || strings.HasSuffix(prev.Text, ":") && tokens[k] != "CONSIGNEE" && tokens[k] != "SHIPPER") {
				return false
			}
		}
	}
	// The label ends with a word: "Bill of" is none within "Bill of Lading".
	last := j + len(tokens) - 1
	return last+1 == len(l.tokens) || l.tokens[last+1].word != l.tokens[last].word || l.tokens[last+1].key == "S"
}

// begins reports whether a word begins a text: no other stands close before it.
func (s *leaf) begins(l *line, w *word) bool {
	i := slices.Index(l.words, w)
	return i <= 0 || w.Box.X0-l.words[i-1].Box.X1 > 0.9*w.Size || s.ruledBetween(l.words[i-1], w)
}

// valueOf returns the value of a label: to its right, or under it.
func (s *leaf) valueOf(li int, words []*word, marks map[*word]bool, name string) (Cell, bool) {
	l := s.lines[li]
	last := words[len(words)-1]
	wanted := func(ws []*word) (Cell, bool) {
		text, box := textOf(ws)
		text = strings.Trim(text, ":#_ ")
		if text == "" || name != "carrier" && name != "vessel" && name != "scac" && !hasDigit(text) {
			return Cell{}, false
		}
		if name == "scac" && (len(text) > 4 || len(text) < 2) {
			return Cell{}, false
		}
		return Cell{Text: text, Page: s.number, Box: box}, true
	}
	var right []*word
	at := slices.Index(l.words, last)
	for i := at + 1; i < len(l.words); i++ {
		w := l.words[i]
		prev := l.words[i-1]
		limit := float32(1.2) * max(w.Size, 4)
		if len(right) == 0 {
			limit = 120
		}
		if name == "number" && len(right) > 0 && (dateShape.MatchString(w.Text) || w.Text == strings.ToLower(w.Text) && !hasDigit(w.Text) && hasLetter(w.Text)) {
			break // "4711 of 03/17/2026"
		}
		if marks[w] || w.Box.X0-prev.Box.X1 > limit || s.ruledBetween(prev, w) && len(right) > 0 || strings.HasSuffix(w.Text, ":") && w.Text != ":" {
			break
		}
		if w.Text != ":" {
			right = append(right, w)
		}
	}
	if c, ok := wanted(right); ok && len(right) > 0 {
		return c, true
	}
	if len(right) > 0 && name != "number" {
		return Cell{}, false
	}
	first := words[0]
	for r := li + 1; r < len(s.lines) && s.lines[r].base-l.base < 2.6*max(s.lines[r].size, l.size); r++ {
		var under []*word
		for _, w := range s.lines[r].words {
			if w.Box.X1 < first.Box.X0-4 || len(under) == 0 && w.Box.X0 > last.Box.X1+10 {
				continue
			}
			if len(under) > 0 && w.Box.X0-under[len(under)-1].Box.X1 > 0.9*w.Size {
				break
			}
			under = append(under, w)
		}
		if len(under) == 0 {
			continue
		}
		if marks[under[0]] || strings.HasSuffix(under[0].Text, ":") {
			return Cell{}, false
		}
		return wanted(under)
	}
	return Cell{}, false
}

// party returns the lines of a company's name and address.
func (s *leaf) party(name string, li int, words []*word, marks map[*word]bool) []Cell {
	l := s.lines[li]
	first, last := words[0], words[len(words)-1]
	add := func(out []Cell, ws []*word) []Cell {
		// "Name:" and the like are labels of the form.
		for len(ws) > 0 && (strings.HasSuffix(ws[0].Text, ":") && partyLabels[strings.Join(ws[0].tokens(), " ")] || ws[0].Text == ":") {
			ws = ws[1:]
		}
		if text, box := textOf(ws); text != "" && len(text) < 200 {
			out = append(out, Cell{Text: text, Page: s.number, Box: box})
		}
		return out
	}
	run := func(l *line, from int, reach float32) []*word {
		var ws []*word
		for i := from; i < len(l.words); i++ {
			w := l.words[i]
			if i > from && (w.Box.X0-l.words[i-1].Box.X1 > reach*max(w.Size, 4) || s.ruledBetween(l.words[i-1], w)) || marks[w] {
				break
			}
			ws = append(ws, w)
		}
		return ws
	}
	var out []Cell
	at := slices.Index(l.words, last)
	if at+1 < len(l.words) && l.words[at+1].Box.X0-last.Box.X1 < 90 && !s.ruledBetween(last, l.words[at+1]) {
		out = add(out, run(l, at+1, 1.6))
	}
	most := 6
	if len(out) > 0 && name == "carrier" {
		most = 1
	}
	base := l.base
	for r := li + 1; r < len(s.lines) && len(out) < most; r++ {
		below := s.lines[r]
		if below.base-base > 2.9*max(below.size, l.size) {
			break
		}
		// Within the box around it, if there is one, else under the label.
		left, right := first.Box.X0-8, first.Box.X0+110
		for _, r := range s.ver {
			if r.Y0 > below.base || r.Y1 < below.base-2 {
				continue
			}
			if r.X1 < first.Box.X0+2 && r.X0 > left-170 {
				left = min(left, max(r.X0, 0))
			}
			if r.X0 > last.Box.X1 {
				right = min(right, r.X0)
			}
		}
		from := slices.IndexFunc(below.words, func(w *word) bool { return w.Box.X0 >= left && w.Box.X0 < right })
		if from < 0 {
			continue
		}
		ws := run(below, from, 1.6)
		if len(ws) == 0 {
			break
		}
		base = below.base
		out = add(out, ws)
	}
	return out
}

// partyLabels stand before parts of an address.
var partyLabels = map[string]bool{"NAME": true, "ADDRESS": true, "CITY STATE ZIP": true, "CITY": true, "STREET": true, "STATE": true, "ATTN": true, "COMPANY": true}

// VICS reports whether a number has the form of the numbers of VICS bills, and whether its
// last digit is right: 17 digits, checked as GS1 checks its keys.
func VICS(text string) (is, right bool) {
	if len(text) != 17 {
		return false, false
	}
	sum := 0
	for i := range len(text) {
		d := int(text[i] - '0')
		if d < 0 || d > 9 {
			return false, false
		}
		if i%2 == 1 {
			d *= 3
		}
		sum += d
	}
	return true, sum%10 == 0
}
