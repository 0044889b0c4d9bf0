package orders

import (
	"math"
	"testing"
)

func TestParseFormat(t *testing.T) {
	for _, tt := range []struct {
		code string
		want numberFormat
	}{
		{"", numberFormat{}},
		{"General", numberFormat{}},
		{"GENERAL", numberFormat{}},
		{"0", numberFormat{width: 1}},
		{"000000", numberFormat{width: 6}},
		{"0.00", numberFormat{}},
		{"#,##0", numberFormat{}},
		{"#,##0.00_);[Red](#,##0.00)", numberFormat{}},
		{"@", numberFormat{}},
		{"0.00E+00", numberFormat{}},
		{"m/d/yyyy", numberFormat{date: true}},
		{"[$-409]mmmm d, yyyy;@", numberFormat{date: true}},
		{"yyyy\\-mm\\-dd", numberFormat{date: true}},
		{"dd.mm.yy hh:mm", numberFormat{date: true}},
		{"mmm", numberFormat{date: true}},
		{"MMDDYYYY", numberFormat{date: true}},
		{"h:mm AM/PM", numberFormat{}},
		{"mm:ss", numberFormat{}},
		{"[h]:mm", numberFormat{}},
		{"[mm]:ss", numberFormat{}},
		{"[Yellow]0.0", numberFormat{}},
		{`0 "days"`, numberFormat{}},
		{`0 \d`, numberFormat{}},
		{"[Red]0", numberFormat{width: 1}},
		{`0;"d"`, numberFormat{width: 1}},
		{`"yyyy`, numberFormat{}},
		{"[yyyy", numberFormat{}},
		{"0\\", numberFormat{width: 1}},
		{"yyyy年m月d日", numberFormat{date: true}},
	} {
		if got := parseFormat(tt.code); got != tt.want {
			t.Errorf("parseFormat(%q) = %+v, want %+v", tt.code, got, tt.want)
		}
	}
}

func TestShow(t *testing.T) {
	date, six := numberFormat{date: true}, numberFormat{width: 6}
	for _, tt := range []struct {
		v        float64
		nf       numberFormat
		date1904 bool
		want     string
	}{
		{48, numberFormat{}, false, "48"},
		{math.Copysign(0, -1), numberFormat{}, false, "0"},
		{-12, numberFormat{}, false, "-12"},
		{12.5, numberFormat{}, false, "12.5"},
		{0.1 + 0.2, numberFormat{}, false, "0.3"},
		{1.0 / 3, numberFormat{}, false, "0.333333333333333"},
		{80587099, numberFormat{}, false, "80587099"},
		{123456789012345, numberFormat{}, false, "123456789012345"},
		{1234567890123456789, numberFormat{}, false, "1234567890123460000"},
		{1e300, numberFormat{}, false, "1E+300"},
		{math.MaxFloat64, numberFormat{}, false, "1.7976931348623157E+308"},
		{0.00001, numberFormat{}, false, "0.00001"},
		{1e-12, numberFormat{}, false, "1E-12"},
		{math.Inf(1), numberFormat{}, false, "+Inf"},
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
		if got := tt.nf.show(tt.v, tt.date1904); got != tt.want {
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
		if got := isoDate(in); got != want {
			t.Errorf("isoDate(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestColumnNames(t *testing.T) {
	for col, name := range map[int]string{0: "A", 25: "Z", 26: "AA", 701: "ZZ", 702: "AAA", 16383: "XFD"} {
		if got := columnName(col); got != name {
			t.Errorf("columnName(%d) = %q, want %q", col, got, name)
		}
		if got, ok := parseColumn(name + "17"); !ok || got != col {
			t.Errorf("parseColumn(%q) = %d, %v, want %d", name+"17", got, ok, col)
		}
	}
	for _, bad := range []string{"", "A", "1", "ABCD1", "$A$1", "A0", "é1"} {
		if got, ok := parseColumn(bad); ok {
			t.Errorf("parseColumn(%q) = %d", bad, got)
		}
	}
}
