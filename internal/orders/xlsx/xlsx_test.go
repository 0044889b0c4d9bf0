package xlsx

import (
	"testing"

	"tallyman/internal/orders/grid"
)

func TestColumnsOfCells(t *testing.T) {
	for _, col := range []int{0, 25, 26, 701, 702, 16383} {
		name := grid.ColumnName(col) + "17"
		if got, ok := parseColumn(name); !ok || got != col {
			t.Errorf("parseColumn(%q) = %d, %v, want %d", name, got, ok, col)
		}
	}
	for _, bad := range []string{"", "A", "1", "ABCD1", "$A$1", "A0", "é1"} {
		if got, ok := parseColumn(bad); ok {
			t.Errorf("parseColumn(%q) = %d", bad, got)
		}
	}
}
