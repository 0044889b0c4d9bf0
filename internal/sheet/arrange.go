package sheet

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// never is the place in time of a cancel date that is missing or cannot be read:
// after all others.
const never = math.MaxInt64

// group is all rows of one Ship To Name.
type group struct {
	name     string
	earliest int64 // cancel date, as instant returns it
	rank     int   // place among the groups
}

// arrange puts the entries in the order of a merged sheet: by the earliest
// Cancel Date of the row's Ship To Name, then Ship To Name, then the row's own
// Cancel Date, stably (DESIGN.md §5). Names are compared byte by byte, trimmed
// but otherwise as they stand. Rows with no order row have the name "" and no
// date.
func arrange(entries []entry) {
	type place struct {
		group  int
		cancel int64
		entry  entry
	}
	var groups []group
	byName := make(map[string]int)
	places := make([]place, len(entries))
	for i, e := range entries {
		p := place{cancel: never, entry: e}
		name := ""
		if e.order != nil {
			name = strings.TrimSpace(e.order.ShipTo)
			p.cancel = instant(e.order.CancelDate)
		}
		g, ok := byName[name]
		if !ok {
			g = len(groups)
			byName[name] = g
			groups = append(groups, group{name: name, earliest: never})
		}
		groups[g].earliest = min(groups[g].earliest, p.cancel)
		p.group = g
		places[i] = p
	}

	// Ranks make each comparison of rows one of numbers, however long the names.
	order := make([]int, len(groups))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(
			cmp.Compare(groups[a].earliest, groups[b].earliest),
			strings.Compare(groups[a].name, groups[b].name),
		)
	})
	for rank, g := range order {
		groups[g].rank = rank
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(
			cmp.Compare(groups[a.group].rank, groups[b.group].rank),
			cmp.Compare(a.cancel, b.cancel),
			cmp.Compare(a.entry.seq, b.entry.seq),
		)
	})
	for i := range places {
		entries[i] = places[i].entry
	}
}

// instant returns a date's place in time for sorting.
func instant(s string) int64 {
	t, ok := parseDate(s)
	if !ok {
		return never
	}
	return t.Unix()
}

// parseDate reads a date as order exports write it: MDDYYYY, MMDDYYYY,
// YYYY-MM-DD and M/D/YYYY (DESIGN.md §5). ISO dates may carry a time of day.
// White space around it does not count. ok is false for anything else, and for
// days that the calendar does not have.
func parseDate(s string) (t time.Time, ok bool) {
	s = strings.TrimSpace(s)
	switch {
	case len(s) == len("MDDYYYY") && isDigits(s):
		return day(s[3:], s[:1], s[1:3])
	case len(s) == len("MMDDYYYY") && isDigits(s):
		return day(s[4:], s[:2], s[2:4])
	case len(s) == len("YYYY-MM-DD") && s[4] == '-' && s[7] == '-':
		return day(s[:4], s[5:7], s[8:])
	case len(s) > len("YYYY-MM-DD") && s[4] == '-':
		for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z"} {
			if t, err := time.Parse(layout, s); err == nil {
				return t, true
			}
		}
	case len(s) <= len("MM/DD/YYYY"):
		m, rest, _ := strings.Cut(s, "/")
		d, y, _ := strings.Cut(rest, "/")
		if len(m) <= 2 && len(d) <= 2 && len(y) == 4 {
			return day(y, m, d)
		}
	}
	return time.Time{}, false
}

// day returns the day that the digits name.
func day(year, month, dayOfMonth string) (time.Time, bool) {
	if !isDigits(year) || !isDigits(month) || !isDigits(dayOfMonth) {
		return time.Time{}, false
	}
	y, m, d := atoi(year), atoi(month), atoi(dayOfMonth)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	// time.Date makes the 2nd of March of the 30th of February.
	if y == 0 || t.Year() != y || int(t.Month()) != m || t.Day() != d {
		return time.Time{}, false
	}
	return t, true
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// atoi returns the number that a few digits name.
func atoi(digits string) int {
	n := 0
	for i := 0; i < len(digits); i++ {
		n = n*10 + int(digits[i]-'0')
	}
	return n
}
