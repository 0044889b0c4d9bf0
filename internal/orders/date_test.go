package orders

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tallyman/internal/testing/must"

	"github.com/xuri/excelize/v2"
)

// exportOf returns a CSV whose rows have the given cancel dates.
func exportOf(cancels ...string) []byte {
	var b strings.Builder
	b.WriteString("Invoice No.;Style;Cartons;Pieces;Invoice Date;Ship-to Name;Order No.;Delivery Date;Cancel Date\n")
	for i, c := range cancels {
		fmt.Fprintf(&b, "G%d;S%d;1;10;2025-12-01;DOCK STREET;PO%d;2025-12-05;%s\n", i, i, i, c)
	}
	return []byte(b.String())
}

// asWorkbook turns a CSV with semicolons into a workbook of text cells.
func asWorkbook(t *testing.T, csv []byte) []byte {
	f := excelize.NewFile()
	defer f.Close()
	for i, line := range strings.Split(strings.TrimSpace(string(csv)), "\n") {
		for col, text := range strings.Split(line, ";") {
			must.OK(t, f.SetCellStr("Sheet1", cell(col, i+1), text))
		}
	}
	return save(t, f)
}

// A workbook stores dates as numbers, with or without the format of a date, counted from
// 1900 or from 1904.
func TestDatesThatAreNumbersInAWorkbook(t *testing.T) {
	days := []time.Time{time.Date(1998, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC),
		time.Date(2025, 12, 19, 0, 0, 0, 0, time.UTC), time.Date(2039, 12, 31, 0, 0, 0, 0, time.UTC)}
	for _, from1904 := range []bool{false, true} {
		epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
		if from1904 {
			epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		for _, format := range []string{"General", "0", "mm-dd-yy", "d/m/yyyy", "[$-409]d-mmm-yy;@", "yyyy\\-mm\\-dd", "m/d/yy h:mm", `dddd, mmmm d"th", yyyy`} {
			t.Run(fmt.Sprintf("%s %t", format, from1904), func(t *testing.T) {
				f := excelize.NewFile()
				defer f.Close()
				must.OK(t, f.SetWorkbookProps(&excelize.WorkbookPropsOptions{Date1904: &from1904}))
				style, err := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
				must.OK(t, err)
				must.OK(t, f.SetSheetRow("Sheet1", "A1", &[]string{"Invoice No.", "Style", "Cartons", "Pieces", "Cancel Date"}))
				for i, d := range days {
					must.OK(t, f.SetSheetRow("Sheet1", cell(0, i+2), &[]any{"G1", "S1", 1, 10, d.Sub(epoch).Hours() / 24}))
					must.OK(t, f.SetCellStyle("Sheet1", cell(4, i+2), cell(4, i+2), style))
				}
				table := mustRead(t, save(t, f))
				for i, d := range days {
					text := table.Rows[i].CancelDate
					if got, ok := table.Calendar(AnyOrder).Date(CancelDates, text); !ok || !got.Equal(d) {
						t.Errorf("%s is %q, %v", d.Format(time.DateOnly), text, got)
					}
				}
			})
		}
	}
}

// layouts are the ways in which exports write dates, as package time names them.
var monthFirstLayouts = []string{"1/2/2006", "01/02/2006", "1/2/06", "01/02/06", "1-2-2006", "01-02-06", "01.02.2006", "1.2.06", "01 02 2006",
	"1022006", "01022006", "010206", "1/2/2006 3:04:05 PM", "01/02/2006 15:04", "01/02/2006 00:00:00"}

func swapped(layout string) string {
	if strings.HasPrefix(layout, "1022006") {
		return "2012006" // 02012006 as a number, without the zero before it
	}
	return strings.NewReplacer("00:00:00", "00:00:00", "3:04:05 PM", "3:04:05 PM", "15:04", "15:04", "01", "02", "02", "01", "1", "2", "2006", "2006", "06", "06", "2", "1").Replace(layout)
}

func TestDatesAreReadInEveryFormAndOrderThatTheirColumnProves(t *testing.T) {
	days := []time.Time{
		time.Date(2025, 12, 19, 0, 0, 0, 0, time.UTC), time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC),
		time.Date(2025, 11, 30, 0, 0, 0, 0, time.UTC), time.Date(2025, 12, 5, 0, 0, 0, 0, time.UTC)}
	var all []string
	for _, l := range monthFirstLayouts {
		all = append(all, l, swapped(l))
	}
	all = append(all, "2006-01-02", "2006/01/02", "2006.1.2", "20060102", "20060102150405", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z",
		"2006-01-02T15:04:05-07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST", "20060102T150405Z", "2-Jan-2006", "02-Jan-06", "2 January 2006", "Jan 2, 2006",
		"January 2 2006", "Mon, 02 Jan 2006", "2006-Jan-02", "02Jan2006", "02.01.2006.", "01/02/2006 00:00:00")
	for _, layout := range all {
		t.Run(layout, func(t *testing.T) {
			var texts []string
			for _, d := range days {
				texts = append(texts, strings.ToUpper(d.Format(layout)))
			}
			for _, file := range [][]byte{exportOf(texts...), asWorkbook(t, exportOf(texts...))} {
				table := mustRead(t, file)
				wantNothing(t, table)
				c := table.Calendar(AnyOrder)
				for i, d := range days {
					got, other, ok := c.Guess(CancelDates, texts[i])
					if !ok || !got.Equal(d) || !other.IsZero() {
						t.Errorf("%s: %q is %v (or %v), want %v", table.Format, texts[i], got, other, d)
					}
				}
				if c.Open(CancelDates) {
					t.Errorf("%s: the column is reported as ambiguous", table.Format)
				}
			}
		})
	}
}

func TestATimeOfDayIsNotPartOfTheDay(t *testing.T) {
	table := mustRead(t, exportOf("12/19/2025 12:00:00 AM", "12/20/2025 12:00:00 PM", "12/21/2025"))
	c := table.Calendar(AnyOrder)
	for i, want := range []bool{true, false, true} {
		text := table.Rows[i].CancelDate
		day, _, ok := c.Guess(CancelDates, text)
		if _, alone := c.Date(CancelDates, text); !ok || day.Day() != 19+i || alone != want {
			t.Errorf("%q is %v, without an alternative: %t", text, day, alone)
		}
	}
}

func TestSerialNumbersOfDaysAreDates(t *testing.T) {
	table := mustRead(t, exportOf("46010", "46024.5", "46000"))
	wantNothing(t, table)
	for text, want := range map[string]string{"46010": "2025-12-19", "46024.5": "2026-01-02"} {
		if got, _, ok := table.Calendar(AnyOrder).Guess(CancelDates, text); !ok || got.Format(time.DateOnly) != want {
			t.Errorf("%s is %v, want %s", text, got, want)
		}
	}
}

func TestAmbiguousDatesAreSaidWithExamples(t *testing.T) {
	for _, texts := range [][]string{{"03/04/2025", "05/06/2025"}, {"3-4-25", "6-5-25"}, {"03.04.2025", "05.06.2025"}, {"03042025", "05062025"}, {"030425", "050625"}} {
		table := mustRead(t, exportOf(texts...))
		wantNote(t, table, AmbiguousDate, true, "cancel date may be read", texts[0], texts[1])
		c := table.Calendar(AnyOrder)
		day, other, ok := c.Guess(CancelDates, texts[0])
		if !ok || other.IsZero() || int(day.Month()) != other.Day() || day.Day() != int(other.Month()) || !c.Open(CancelDates) {
			t.Errorf("%s is %v or %v", texts[0], day, other)
		}
	}
	table := mustRead(t, exportOf("12/12/2025", "11/11/2025"))
	if table.Calendar(AnyOrder).Open(CancelDates) {
		t.Error("dates that are the same in both orders are reported as ambiguous")
	}
}

func TestDatesThatContradictEachOtherAreSaid(t *testing.T) {
	table := mustRead(t, exportOf("12/19/2025", "19/12/2025", "01/02/2026"))
	wantNote(t, table, AmbiguousDate, false, "some dates of cancel date")
}

func TestDatesThatAreNotReadAreSaidWithExamples(t *testing.T) {
	for _, text := range []string{"TBD", "asap", "02/30/2025", "13132025", "2025-13-01", "12/2025", "19-Dec", "00/00/0000", "0", "Dez 19 2025", "٠٧٠٢٢٠٢٥", "12/19/2025 25:00"} {
		table := mustRead(t, exportOf("12/19/2025", text, "12/20/2025"))
		wantNote(t, table, UnreadDate, false, "row 3", text, "sorted as if they had no date")
	}
}

func TestDateCellsOfAWorkbookAreMonthFirst(t *testing.T) {
	table := mustRead(t, inventedFile(t, "invented.xlsx"))
	wantNothing(t, table)
	if c := table.Calendar(AnyOrder); c.Open(CancelDates) || c.Open(InvoiceDates) {
		t.Error("date cells are reported as ambiguous")
	}
}

// Dates go into the sheet as written if readers cannot take them for another day,
// otherwise as MMDDYYYY.
func TestDatesInOtherFormsAreWrittenAsMMDDYYYY(t *testing.T) {
	for text, want := range map[string]string{
		"12192025": "12192025", "1192025": "1192025", "2025-12-19": "2025-12-19", "12/19/2025": "12/19/2025",
		"19/12/2025": "12192025", "19.12.2025": "12192025", "19-Dec-2025": "12192025", "20251219": "12192025", "12/19/25": "12192025",
		"2025-12-19T00:00:00-05:00": "12192025", "12/19/2025 12:00:00 AM": "12192025",
		"soon": "soon", "": "", "03/04/25": "03/04/25", // no other date shows which is the month
	} {
		table := &Table{Rows: []Row{{Number: 2, CancelDate: text}}}
		if got := table.Calendar(AnyOrder).Written(CancelDates, text); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	}
	table := &Table{Rows: []Row{{Number: 2, CancelDate: "19/12/2025"}, {Number: 3, CancelDate: "02/02/2026"}}}
	if got := table.Calendar(AnyOrder).Written(CancelDates, "02/02/2026"); got != "02022026" {
		t.Errorf("beside days that are first it is written as %q", got)
	}
}
