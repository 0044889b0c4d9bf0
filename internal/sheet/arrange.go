package sheet

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"tallyman/internal/orders"
)

// never is the time of a missing or unreadable cancel date: later than all others.
const never = math.MaxInt64

// group has all rows of one Ship To Name.
type group struct {
	name     string
	earliest int64 // the earliest cancel date
	rank     int   // the group's place in the order
}

// arrange puts the entries in the order of a merged sheet: by the earliest Cancel Date
// of the row's Ship To Name, then by Ship To Name, then by the row's own Cancel Date,
// stably (DESIGN.md §5). Names are trimmed and compared byte by byte. Rows without an
// order row have the name "" and no date. when returns the day of a cancel date.
func arrange(entries []entry, when func(cancel string) (time.Time, bool)) {
	type place struct {
		group  *group
		cancel int64
		entry  entry
	}
	var groups []*group
	byName := map[string]*group{}
	places := make([]place, len(entries))
	for i, e := range entries {
		p := place{cancel: never, entry: e}
		name := ""
		if e.order != nil {
			name = strings.TrimSpace(e.order.ShipTo)
			if day, ok := when(e.order.CancelDate); ok {
				p.cancel = day.Unix()
			}
		}
		p.group = byName[name]
		if p.group == nil {
			p.group = &group{name: name, earliest: never}
			byName[name] = p.group
			groups = append(groups, p.group)
		}
		p.group.earliest = min(p.group.earliest, p.cancel)
		places[i] = p
	}

	// Ranks reduce comparisons of rows to numbers, however long the names are.
	slices.SortFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.earliest, b.earliest), strings.Compare(a.name, b.name))
	})
	for rank, g := range groups {
		g.rank = rank
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(
			cmp.Compare(a.group.rank, b.group.rank),
			cmp.Compare(a.cancel, b.cancel),
			cmp.Compare(a.entry.seq, b.entry.seq),
		)
	})
	for i := range places {
		entries[i] = places[i].entry
	}
}

// arrangeBy puts the entries in order by the days in the export's columns. It reports
// whether the order would differ if day and month of ambiguous dates were swapped.
func arrangeBy(entries []entry, dates *orders.Calendar) (open bool) {
	var other []entry
	if dates.Open(orders.CancelDates) {
		other = slices.Clone(entries)
		arrange(other, func(s string) (time.Time, bool) {
			day, second, ok := dates.Guess(orders.CancelDates, s)
			if !second.IsZero() {
				day = second
			}
			return day, ok
		})
	}
	arrange(entries, func(s string) (time.Time, bool) {
		day, _, ok := dates.Guess(orders.CancelDates, s)
		return day, ok
	})
	return other != nil && !slices.EqualFunc(entries, other, func(a, b entry) bool { return a.seq == b.seq })
}
