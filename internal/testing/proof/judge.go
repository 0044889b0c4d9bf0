package proof

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tallyman/internal/sample"
)

// figures are the fields that count something.
var figures = []string{"packages", "pieces", "weight", "net_weight", "volume", "pallets", "handling_units"}

// number returns the figure of a text such as "1,875#" or "42 ctn", in one form.
func number(text string) (string, bool) {
	kept := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return -1
	}, text)
	v, err := strconv.ParseFloat(kept, 64)
	if err != nil {
		return "", false
	}
	return strconv.FormatFloat(v, 'f', 4, 64), true
}

// fields returns the figures that a table of the truth has, in a fixed order.
func fields(t *sample.TruthTable) (out []string) {
	for _, f := range figures {
		if slices.ContainsFunc(t.Rows, func(r map[string]string) bool { _, ok := number(r[f]); return ok }) {
			out = append(out, f)
		}
	}
	return out
}

// key is what a row says in some fields. A row without any of them has none.
func key(row map[string]string, fields []string) string {
	var b strings.Builder
	any := false
	for _, f := range fields {
		n, ok := number(row[f])
		any = any || ok
		b.WriteString(n + "|")
	}
	if !any {
		return ""
	}
	return b.String()
}

// keys counts the rows by key.
func keys(rows []map[string]string, fields []string) map[string]int {
	out := map[string]int{}
	for _, r := range rows {
		if k := key(r, fields); k != "" {
			out[k]++
		}
	}
	return out
}

// common returns how many rows two counts have in common.
func common(a, b map[string]int) (n int) {
	for k := range a {
		n += min(a[k], b[k])
	}
	return n
}

// part returns what was read as a table of the truth: the table with its role, or all
// tables, if there is none.
func (b *Bill) part(t *sample.TruthTable) (out Table) {
	out.Unproved, out.Totals = map[string]bool{}, map[string]string{}
	named := slices.ContainsFunc(b.Tables, func(own Table) bool { return own.Role == t.Name })
	for _, own := range b.Tables {
		if own.Role == t.Name || !named {
			out.Rows = append(out.Rows, own.Rows...)
			maps.Copy(out.Unproved, own.Unproved)
			maps.Copy(out.Totals, own.Totals)
		}
	}
	return out
}

// likeness returns how many rows of the truth a bill has.
func (b *Bill) likeness(t *sample.TruthBill) (n int) {
	for i := range t.Tables {
		fs := fields(&t.Tables[i])
		n += common(keys(b.part(&t.Tables[i]).Rows, fs), keys(t.Tables[i].Rows, fs))
	}
	return n
}

// pair returns the bill of the truth that each bill is: the one of its number, or else
// the most similar one that is left, or any if there are as many, or nil.
func pair(bills []Bill, truth *sample.Truth) []*sample.TruthBill {
	out := make([]*sample.TruthBill, len(bills))
	taken := map[*sample.TruthBill]bool{}
	for i := range bills {
		for j := range truth.Bills {
			if t := &truth.Bills[j]; !taken[t] && bills[i].Number == t.Number && out[i] == nil {
				out[i], taken[t] = t, true
			}
		}
	}
	for i := range bills {
		if out[i] != nil {
			continue
		}
		most := 0
		for j := range truth.Bills {
			if t := &truth.Bills[j]; !taken[t] && bills[i].likeness(t) > most {
				out[i], most = t, bills[i].likeness(t)
			}
		}
		if out[i] != nil {
			taken[out[i]] = true
		}
	}
	for i := range bills {
		for j := range truth.Bills {
			if t := &truth.Bills[j]; out[i] == nil && !taken[t] && len(bills) == len(truth.Bills) {
				out[i], taken[t] = t, true
			}
		}
	}
	return out
}

// tally counts the bills that were read, those that are proved, and those whose figures
// are all right, and says what is wrong with the first of the others.
func tally(bills []Bill, truth *sample.Truth) (s Sound) {
	s.Bills = len(bills)
	for i, t := range pair(bills, truth) {
		if bills[i].Proved {
			s.Proved++
		}
		if t == nil {
			continue
		}
		if out, what := compare(&bills[i], t); out == Right {
			s.True++
		} else if s.Wrong == "" {
			s.Wrong = what
		}
	}
	return s
}

// texts counts the rows of the proved bills with all that the truth knows of them.
func texts(bills []Bill, truth *sample.Truth) map[string]int {
	out := map[string]int{}
	for i, t := range pair(bills, truth) {
		if t == nil || !bills[i].Proved {
			continue
		}
		for j := range t.Tables {
			known := map[string]bool{}
			for _, r := range t.Tables[j].Rows {
				for f := range r {
					known[f] = true
				}
			}
			for _, r := range bills[i].part(&t.Tables[j]).Rows {
				var b strings.Builder
				for _, f := range slices.Sorted(maps.Keys(known)) {
					b.WriteString(strings.Join(strings.Fields(r[f]), " ") + "|")
				}
				out[t.Number+"/"+b.String()]++
			}
		}
	}
	return out
}

// judge returns the worst outcome of a document, and what is wrong.
func judge(bills []Bill, err error, b *base) (worst Outcome, wrong string) {
	if err != nil {
		return Told, ""
	}
	pairs := pair(bills, b.Truth)
	told := false
	worse := func(o Outcome, what string) {
		if o > worst {
			worst, wrong = o, what
		}
	}
	read := map[*sample.TruthBill]bool{}
	for i, t := range pairs {
		read[t] = true
		switch {
		case !bills[i].Proved:
			told = true
		case t == nil:
			worse(False, fmt.Sprintf("bill %q is proved, and there is none", bills[i].Number))
		default:
			worse(compare(&bills[i], t))
		}
	}
	for i := range b.Truth.Bills {
		if t := &b.Truth.Bills[i]; !read[t] && len(t.Tables) > 0 && !told {
			worse(Gone, "bill "+t.Number+" is not there")
		}
	}
	if worst == Right {
		seen := texts(bills, b.Truth)
		for _, k := range slices.Sorted(maps.Keys(seen)) {
			if seen[k] > b.texts[k] {
				worse(Text, fmt.Sprintf("read %q", k))
			}
		}
	}
	if told {
		worse(Told, "")
	}
	return worst, wrong
}

// compare returns what is wrong with a bill that is called proved.
func compare(b *Bill, t *sample.TruthBill) (worst Outcome, wrong string) {
	for i := range t.Tables {
		table := &t.Tables[i]
		if o, what := b.part(table).compare(table, fields(table)); o > worst {
			worst, wrong = o, fmt.Sprintf("bill %s, %s: %s", t.Number, table.Name, what)
		}
	}
	return worst, wrong
}

func (t Table) compare(truth *sample.TruthTable, fields []string) (Outcome, string) {
	out, what := t.compareRows(truth, fields)
	if out == Renamed || out == Unread || out == False {
		return out, what
	}
	// A total that is wrong goes into the sheet, even if the lines are right.
	for _, f := range fields {
		a, isRead := number(t.Totals[f])
		b, isTrue := number(truth.Totals[f])
		if !isRead || !isTrue || a == b || t.Unproved[f] {
			continue
		}
		what = fmt.Sprintf("the total of %s is read as %s, %s", f, a, what)
		if near(units(a)-sum(truth.Rows, f), f, truth) {
			out = max(out, Rounding)
		} else {
			out = False
		}
	}
	return out, what
}

func (t Table) compareRows(truth *sample.TruthTable, fields []string) (Outcome, string) {
	got, want := keys(t.Rows, fields), keys(truth.Rows, fields)
	if maps.Equal(got, want) {
		return Right, ""
	}
	what := "fields " + strings.Join(fields, " ")
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if got[k] > want[k] {
			what += ", read " + k
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if want[k] > got[k] {
			what += ", missing " + k
		}
	}
	if len(what) > 600 {
		what = what[:600] + "…"
	}
	claimed := slices.DeleteFunc(slices.Clone(fields), func(f string) bool { return t.Unproved[f] })
	if len(claimed) > 0 && len(claimed) < len(fields) && maps.Equal(keys(t.Rows, claimed), keys(truth.Rows, claimed)) {
		return Unclaimed, what
	}
	same, sums, rounded, known := true, true, len(t.Rows) == len(truth.Rows), true
	wanted := map[string]int{} // the columns of the truth
	for _, f := range claimed {
		wanted[fmt.Sprint(keys(truth.Rows, []string{f}))]++
	}
	var present []string
	for _, f := range claimed {
		one := []string{f}
		g, w := keys(t.Rows, one), keys(truth.Rows, one)
		if len(g) > 0 {
			present = append(present, f)
			wanted[fmt.Sprint(g)]--
			known = known && wanted[fmt.Sprint(g)] >= 0
		}
		off := sum(t.Rows, f) - sum(truth.Rows, f)
		same = same && maps.Equal(g, w)
		sums = sums && off == 0
		rounded = rounded && (off == 0 || near(off, f, truth) || t.addsUp(f, truth))
	}
	switch {
	case same:
		return Combination, what
	case sums:
		return Cancelled, what
	case rounded:
		return Rounding, what
	case known && len(present) == len(claimed):
		return Renamed, what
	case known && len(present) > 0:
		return Unread, what
	}
	return False, what
}

// addsUp reports whether the rows add up to the true total of a field, within rounding.
func (t Table) addsUp(field string, truth *sample.TruthTable) bool {
	total, ok := number(truth.Totals[field])
	return ok && near(sum(t.Rows, field)-units(total), field, truth)
}

// near reports whether the rounding of the lines explains a difference in ten-thousandths
// of a field's sum.
func near(off int64, field string, t *sample.TruthTable) bool {
	unit := int64(0) // of the last printed digit
	for _, r := range t.Rows {
		if n := decimals(r[field]); n > 0 {
			unit = max(unit, []int64{0, 1000, 100, 10, 1}[min(n, 4)])
		}
	}
	return 2*max(off, -off) <= unit*int64(len(t.Rows))
}

// units returns a figure in ten-thousandths.
func units(number string) int64 {
	v, err := strconv.ParseInt(strings.Replace(number, ".", "", 1), 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// sum adds up a column in ten-thousandths.
func sum(rows []map[string]string, field string) (n int64) {
	for _, r := range rows {
		if text, ok := number(r[field]); ok {
			n += units(text)
		}
	}
	return n
}
