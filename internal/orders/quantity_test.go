package orders

import "testing"

func TestQuantitiesCompareByValue(t *testing.T) {
	for want, texts := range map[string][]string{
		"3":     {"3", "3.0", "3.00", "3,00", "3,0", "+3", "0003", "3 EA", "3EA", "3 ea.", "3 pcs", "\u200e3\u00a0", " 3 ", "3."},
		"4032":  {"4032", "4,032", "4'032", "4’032", "4 032", "4\u00a0032", "4\u202f032", "4,032.00", "4.032,00", "+4,032 PCS", "04032"},
		"0":     {"0", "00", "0.0", "-0"},
		"2.5":   {"2.5", "2.50", "2,5", "02.5"},
		"-3":    {"-3", "\u22123", "-3.0"},
		"4.032": {"4.032"},
	} {
		for _, text := range texts {
			if got := Quantity(text, false); got != want {
				t.Errorf("%q is %q, want %q", text, got, want)
			}
		}
	}
	if got := Quantity("4.032", true); got != "4032" {
		t.Errorf("with dots between thousands it is %q", got)
	}
	for _, text := range []string{"3 DZ", "three", "", "1,2,3", "12'34", "3/4", "1e3", "٣"} {
		if got := Quantity(text, false); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestDotsPartThousandsOnlyIfTheColumnSaysSo(t *testing.T) {
	for _, c := range []struct {
		name   string
		column []string
		want   bool
	}{
		{"beside numbers below a thousand", []string{"36", "4.032", "144"}, true},
		{"in several groups", []string{"36", "1.234.567"}, true},
		{"decimals of all", []string{"36.000", "4.032"}, false},
		{"beside a number of more than a thousand", []string{"36", "4.032", "1200"}, false},
		{"beside other decimals", []string{"36", "4.032", "1.5"}, false},
		{"no dots", []string{"36", "4032"}, false},
	} {
		table := &Table{}
		for _, v := range c.column {
			table.Rows = append(table.Rows, Row{Pieces: v})
		}
		if _, got := table.Dots(); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
