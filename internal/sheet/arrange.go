package sheet

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"tallyman/internal/orders"
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
// date. when returns the day of a cancel date.
func arrange(entries []entry, when func(cancel string) (time.Time, bool)) {
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
			if day, ok := when(e.order.CancelDate); ok {
				p.cancel = day.Unix()
			}
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

// arrangeBy puts the entries in order by the days that the export's columns say, and
// reports whether the order would be another if day and month of the dates that may
// be read both ways were the other way round.
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
