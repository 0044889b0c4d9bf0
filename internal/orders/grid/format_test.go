package grid

import (
	"math"
	"testing"
)

func TestParseFormat(t *testing.T) {
	for _, tt := range []struct {
		code string
		want NumberFormat
	}{
		{"", NumberFormat{}},
		{"General", NumberFormat{}},
		{"GENERAL", NumberFormat{}},
		{"0", NumberFormat{width: 1}},
		{"000000", NumberFormat{width: 6}},
		{"0.00", NumberFormat{}},
		{"#,##0", NumberFormat{}},
		{"#,##0.00_);[Red](#,##0.00)", NumberFormat{}},
		{"@", NumberFormat{}},
		{"0.00E+00", NumberFormat{}},
		{"m/d/yyyy", NumberFormat{Date: true}},
		{"[$-409]mmmm d, yyyy;@", NumberFormat{Date: true}},
		{"yyyy\\-mm\\-dd", NumberFormat{Date: true}},
		{"dd.mm.yy hh:mm", NumberFormat{Date: true}},
		{"mmm", NumberFormat{Date: true}},
		{"MMDDYYYY", NumberFormat{Date: true}},
		{"h:mm AM/PM", NumberFormat{}},
		{"mm:ss", NumberFormat{}},
		{"[h]:mm", NumberFormat{}},
		{"[mm]:ss", NumberFormat{}},
		{"[Yellow]0.0", NumberFormat{}},
		{`0 "days"`, NumberFormat{text: "\ue000 days"}},
		{`0 \d`, NumberFormat{text: "\ue000 d"}},
		{"[Red]0", NumberFormat{width: 1}},
		{`0;"d"`, NumberFormat{width: 1}},
		{`"yyyy`, NumberFormat{}},
		{"[yyyy", NumberFormat{}},
		{"0\\", NumberFormat{width: 1}},
		{"yyyy年m月d日", NumberFormat{Date: true}},
	} {
		if got := ParseFormat(tt.code); got != tt.want {
			t.Errorf("ParseFormat(%q) = %+v, want %+v", tt.code, got, tt.want)
		}
	}
}

func TestShow(t *testing.T) {
	date, six := NumberFormat{Date: true}, NumberFormat{width: 6}
	for _, tt := range []struct {
		v        float64
		nf       NumberFormat
		date1904 bool
		want     string
	}{
		{48, NumberFormat{}, false, "48"},
		{math.Copysign(0, -1), NumberFormat{}, false, "0"},
		{-12, NumberFormat{}, false, "-12"},
		{12.5, NumberFormat{}, false, "12.5"},
		{0.1 + 0.2, NumberFormat{}, false, "0.3"},
		{1.0 / 3, NumberFormat{}, false, "0.333333333333333"},
		{80587099, NumberFormat{}, false, "80587099"},
		{123456789012345, NumberFormat{}, false, "123456789012345"},
		{1234567890123456789, NumberFormat{}, false, "1234567890123460000"},
		{1e300, NumberFormat{}, false, "1E+300"},
		{math.MaxFloat64, NumberFormat{}, false, "1.7976931348623157E+308"},
		{0.00001, NumberFormat{}, false, "0.00001"},
		{1e-12, NumberFormat{}, false, "1E-12"},
		{math.Inf(1), NumberFormat{}, false, "+Inf"},
		{42, six, false, "000042"},
		{1234567, six, false, "1234567"},
		{-42, six, false, "-42"},
		{42.5, six, false, "42.5"},
		{45848, date, false, "07102025"},
		{45848.75, date, false, "07102025"},
		{44386, date, true, "07102025"},
		{1, date, false, "01011900"},
		{59, date, false, "02281900"},
		{60, date, false, "60"},
		{61, date, false, "03011900"},
		{0, date, false, "0"},
		{0, date, true, "01011904"},
		{-1, date, false, "-1"},
		{2958465, date, false, "12319999"},
		{2958466, date, false, "2958466"},
		{2958465, date, true, "2958465"},
		{math.NaN(), date, false, "NaN"},
	} {
		if got := tt.nf.Show(tt.v, tt.date1904).Text; got != tt.want {
			t.Errorf("%+v shows %v as %q, want %q", tt.nf, tt.v, got, tt.want)
		}
	}
}

func TestISODate(t *testing.T) {
	for in, want := range map[string]string{
		"2031-07-10":               "07102031",
		"2031-07-10T00:00:00":      "07102031",
		"2031-07-10T13:30:00.000Z": "07102031",
		"2031-02-30":               "2031-02-30",
		"2031-07-101":              "2031-07-101",
		"13:30:00":                 "13:30:00",
		"":                         "",
	} {
		if got := ISODate(in).Text; got != want {
			t.Errorf("ISODate(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestColumnNames(t *testing.T) {
	for col, name := range map[int]string{0: "A", 25: "Z", 26: "AA", 701: "ZZ", 702: "AAA", 16383: "XFD"} {
		if got := ColumnName(col); got != name {
			t.Errorf("ColumnName(%d) = %q, want %q", col, got, name)
		}
	}
}
