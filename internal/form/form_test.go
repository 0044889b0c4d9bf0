package form

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tallyman/internal/page"
)

// drawing is a page that a test draws: words of nine points at given places, and lines.
type drawing struct{ page.Page }

func sheet(number int) *drawing {
	return &drawing{page.Page{Number: number, Width: 612, Height: 792}}
}

// put draws a text whose first word begins at x, on the baseline y. Characters are half as
// wide as the type is high.
func (d *drawing) put(x, y float32, text string) *drawing {
	const size, wide = 9, 4.5
	for word := range strings.FieldsSeq(text) {
		w := page.Word{Text: word, Base: y, Size: size, Box: page.Box{X0: x, Y0: y - 7, X1: x + wide*float32(len(word)), Y1: y + 2}}
		for i := range len(word) + 1 {
			w.Edges = append(w.Edges, x+wide*float32(i))
		}
		d.Words = append(d.Words, w)
		x = w.Box.X1 + wide*0.6
	}
	return d
}

// row draws texts, each at its x: "60:CARTONS 120:STYLE".
func (d *drawing) row(y float32, cells ...any) *drawing {
	for i := 0; i < len(cells); i += 2 {
		d.put(float32(cells[i].(int)), y, cells[i+1].(string))
	}
	return d
}

// across and down draw lines.
func (d *drawing) across(y, x0, x1 float32) *drawing {
	d.Rules = append(d.Rules, page.Box{X0: x0, Y0: y, X1: x1, Y1: y + 0.5})
	return d
}

func (d *drawing) down(x, y0, y1 float32) *drawing {
	d.Rules = append(d.Rules, page.Box{X0: x, Y0: y0, X1: x + 0.5, Y1: y1})
	return d
}

func readAll(drawings ...*drawing) Result {
	var pages []page.Page
	for _, d := range drawings {
		pages = append(pages, d.Page)
	}
	return Read(pages)
}

// fourLines are styles with their packages, pieces and weights.
var fourLines = [][4]string{{"A-100", "24", "1,152", "310.5"}, {"A-101", "7", "336", "88.0"}, {"B-200", "113", "5,424", "1,460.2"}, {"B-201", "9", "432", "101.3"}}

// changes are the texts that a test changes.
type changes map[string]string

// of returns a text, or what stands in its place.
func (c changes) of(key, text string) string {
	if changed, ok := c[key]; ok {
		return changed
	}
	return text
}

// packing is a packing list with four lines and totals, whose figures a test may change.
func packing(change changes) *drawing {
	d := sheet(1).put(240, 40, "PACKING LIST").put(60, 60, "Packing List No: PL-4711").
		put(60, 90, "SHIP TO:").put(60, 102, "Harbour Goods Ltd").put(60, 114, "12 Pier Road")
	d.row(200, 60, "STYLE", 160, "DESCRIPTION", 330, "CARTONS", 400, "PIECES", 470, "GROSS WEIGHT")
	d.row(211, 470, "(LBS)")
	for i, l := range fourLines {
		d.row(float32(230+14*i), 60, l[0], 160, "Knitted goods", 330, change.of(fmt.Sprint("cartons", i), l[1]), 400, change.of(fmt.Sprint("pieces", i), l[2]), 470, change.of(fmt.Sprint("weight", i), l[3]))
	}
	return d.row(300, 60, "TOTAL", 330, change.of("cartons", "153"), 400, change.of("pieces", "7,344"), 470, change.of("weight", "1,960.0"))
}

// open is the packing list without its totals.
func open() *drawing {
	d := packing(nil)
	d.Words = d.Words[:len(d.Words)-4]
	return d
}

func TestAPackingListIsProvedByItsTotals(t *testing.T) {
	r := readAll(packing(nil))
	if len(r.Bills) != 1 {
		t.Fatalf("%d bills: %+v", len(r.Bills), r)
	}
	b := r.Bills[0]
	if b.Outcome != Reconciled || b.Number.Text != "PL-4711" || len(b.Tables) != 1 || len(b.Tables[0].Rows) != 4 {
		t.Errorf("it is %s (%s), number %q, %+v", b.Outcome, b.Reason, b.Number.Text, b.Tables)
	}
	row := b.Tables[0].Rows[2]
	for f, want := range map[Field]string{Style: "B-200", Packages: "113", Pieces: "5,424", Weight: "1,460.2", Description: "Knitted goods"} {
		if c := row.Cell(f); c == nil || c.Text != want {
			t.Errorf("%s is %+v, not %q", f, c, want)
		}
	}
	if c := row.Cell(Weight); c.Unit != Pounds || c.State != Proved {
		t.Errorf("the weight is %+v", c)
	}
	if to := b.Party("ship_to"); len(to) != 2 || to[0].Text != "Harbour Goods Ltd" {
		t.Errorf("it goes to %+v", to)
	}
}

func TestOneWrongFigureIsNeverProved(t *testing.T) {
	figures := map[string]string{"cartons0": "24", "cartons1": "7", "cartons2": "113", "cartons3": "9", "cartons": "153",
		"pieces0": "1,152", "pieces1": "336", "pieces2": "5,424", "pieces3": "432", "pieces": "7,344",
		"weight0": "310.5", "weight1": "88.0", "weight2": "1,460.2", "weight3": "101.3", "weight": "1,960.0"}
	for key, was := range figures {
		for i, c := range was {
			if c < '0' || c > '9' {
				continue
			}
			is := was[:i] + string('0'+(c-'0'+3)%10) + was[i+1:]
			for _, text := range []string{is, ""} {
				if b := readAll(packing(map[string]string{key: text})).Bills; len(b) != 1 || b[0].Outcome == Reconciled {
					t.Errorf("%s is %q in place of %q, and %+v", key, text, was, b[0].Checks)
				}
			}
		}
	}
}

func TestATotalThatDiffersIsToldOnlyOfWhatIsProvedOtherwise(t *testing.T) {
	b := readAll(packing(map[string]string{"cartons": "154"})).Bills[0]
	if b.Outcome != Mismatched || !strings.Contains(b.Reason, "153") || !strings.Contains(b.Reason, "154") {
		t.Errorf("it is %s: %s", b.Outcome, b.Reason)
	}
	b = readAll(packing(map[string]string{"weight": "1,999.0", "pieces": "7,345"})).Bills[0]
	if b.Outcome != NothingProves {
		t.Errorf("with one small column proved it is %s: %s", b.Outcome, b.Reason)
	}
}

func TestADocumentWithoutTotalsIsUnchecked(t *testing.T) {
	if b := readAll(open()).Bills[0]; b.Outcome != Unchecked || len(b.Tables[0].Rows) != 4 || b.Tables[0].Rows[0].Cell(Pieces).State != NotPrinted {
		t.Errorf("it is %s (%s): %+v", b.Outcome, b.Reason, b.Tables)
	}
}

func TestSmallFiguresProveNothing(t *testing.T) {
	d := sheet(1).put(240, 40, "BILL OF LADING").row(100, 60, "STYLE", 200, "CARTONS")
	d.row(120, 60, "A-100", 200, "2").row(134, 60, "A-101", 200, "3").row(148, 60, "TOTAL", 200, "5")
	b := readAll(d).Bills[0]
	if b.Outcome != NothingProves || b.Tables[0].Rows[0].Cell(Packages).State != Unproved {
		t.Errorf("it is %s (%s)", b.Outcome, b.Reason)
	}
}

func TestOneLineRepeatedAsItsTotalProvesNothing(t *testing.T) {
	d := sheet(1).put(240, 40, "BILL OF LADING").row(100, 60, "STYLE", 200, "CARTONS", 280, "PIECES", 360, "WEIGHT")
	d.row(120, 60, "A-100", 200, "2,345", 280, "98,765", 360, "45,678.9").row(134, 60, "TOTAL", 200, "2,345", 280, "98,765", 360, "45,678.9")
	if b := readAll(d).Bills[0]; b.Outcome != NothingProves {
		t.Errorf("it is %s (%s)", b.Outcome, b.Reason)
	}
}

func TestTotalsStandInManyPlaces(t *testing.T) {
	for name, d := range map[string]*drawing{
		"a row without a label":  open().row(300, 330, "153", 400, "7,344", 470, "1,960.0"),
		"the label to the right": open().row(300, 330, "153", 400, "7,344", 470, "1,960.0").put(530, 300, "TOTALS"),
		"labels with figures":    open().put(60, 330, "Total cartons: 153").put(60, 345, "Total pieces: 7,344").put(60, 360, "Total gross weight: 1,960.0 LBS"),
		"labels behind figures":  open().put(60, 330, "153 TOTAL CARTONS").put(200, 330, "7,344 TOTAL PIECES").put(360, 330, "TOTAL WEIGHT 1,960.0"),
		"one sentence":           open().put(60, 330, "Total 153 cartons, total 7,344 pieces, total weight 1,960.0 lbs"),
	} {
		if b := readAll(d).Bills; len(b) != 1 || b[0].Outcome != Reconciled || len(b[0].Tables[0].Rows) != 4 {
			t.Errorf("%s: %s (%s) %+v", name, b[0].Outcome, b[0].Reason, b[0].Tables)
		}
	}
}

func TestPagesOfOneBill(t *testing.T) {
	page2 := func(number int, last bool) *drawing {
		d := sheet(number)
		d.row(60, 60, "C-300", 160, "Woven goods", 330, "31", 400, "1,488", 470, "402.7")
		d.row(74, 60, "C-301", 160, "Woven goods", 330, "12", 400, "576", 470, "150.1")
		if last {
			d.row(102, 60, "TOTAL", 330, "196", 400, "9,408", 470, "2,512.8")
		}
		return d
	}
	t.Run("a page without headings continues the columns", func(t *testing.T) {
		b := readAll(open(), page2(2, true)).Bills
		if len(b) != 1 || b[0].Outcome != Reconciled || len(b[0].Tables[0].Rows) != 6 {
			t.Errorf("%d bills: %+v", len(b), b)
		}
	})
	t.Run("totals of pages are not enough without one of all", func(t *testing.T) {
		second := page2(2, false).row(102, 60, "TOTAL", 330, "43", 400, "2,064", 470, "552.8")
		b := readAll(packing(nil), second).Bills
		if len(b) != 1 || b[0].Outcome != NothingProves {
			t.Errorf("%d bills: %s (%s)", len(b), b[0].Outcome, b[0].Reason)
		}
	})
	t.Run("a copy counts once", func(t *testing.T) {
		again := packing(nil)
		again.Number = 2
		again.put(400, 20, "CARRIER COPY")
		b := readAll(packing(nil), again).Bills
		if len(b) != 1 || b[0].Outcome != Reconciled || len(b[0].Tables[0].Rows) != 4 || len(b[0].Copies) != 1 {
			t.Errorf("%d bills: %+v", len(b), b)
		}
	})
	t.Run("a missing page is told", func(t *testing.T) {
		b := readAll(packing(nil).put(500, 20, "Page 1 of 2")).Bills[0]
		if b.Outcome != NothingProves || len(b.Missing) != 1 || b.Missing[0] != 2 {
			t.Errorf("it is %s (%s)", b.Outcome, b.Reason)
		}
	})
	t.Run("another number begins another bill", func(t *testing.T) {
		other := packing(nil)
		other.Number = 2
		for i := range other.Words {
			if other.Words[i].Text == "PL-4711" {
				other.Words[i].Text = "PL-4712"
			}
		}
		if b := readAll(packing(nil), other).Bills; len(b) != 2 || b[0].Outcome != Reconciled || b[1].Outcome != Reconciled {
			t.Errorf("%+v", b)
		}
	})
}

func TestABlankFormHasNoLines(t *testing.T) {
	d := sheet(1).put(240, 40, "BILL OF LADING").row(100, 60, "CUSTOMER ORDER NUMBER", 260, "# PKGS", 330, "WEIGHT")
	d.put(60, 160, "GRAND TOTAL")
	r := readAll(d)
	if len(r.Bills) != 0 || len(r.Others) != 1 || !strings.Contains(r.Others[0].Message, "this is a bill of lading") || !strings.Contains(r.Others[0].Message, "weight") {
		t.Errorf("%+v", r)
	}
}

func TestAPageOfTermsIsNoBill(t *testing.T) {
	d := sheet(1)
	for i := range 40 {
		d.put(50, float32(60+12*i), "The carrier shall not be liable for weight, packages or class beyond 49 U.S.C. 14706 of the goods.")
	}
	if r := readAll(d); len(r.Bills) != 0 || r.Others[0].Message != "" {
		t.Errorf("%+v", r)
	}
}

// ruledBill is a bill whose two tables prove each other: the total of the orders is blank.
func TestTwoTablesProveEachOther(t *testing.T) {
	d := sheet(1).put(240, 40, "BILL OF LADING").put(340, 60, "Bill of Lading Number: 07123450000012341")
	d.row(100, 60, "CUSTOMER ORDER NUMBER", 260, "# PKGS", 330, "WEIGHT")
	d.row(120, 60, "4500118821", 260, "42", 330, "630.5").row(134, 60, "4500118822", 260, "170", 330, "2,255.3").row(148, 60, "4500118823", 260, "801", 330, "9,960.4")
	d.put(60, 170, "GRAND TOTAL").put(240, 190, "CARRIER INFORMATION")
	d.row(206, 60, "HANDLING UNIT", 150, "PACKAGE")
	d.row(222, 60, "QTY", 100, "TYPE", 150, "QTY", 190, "TYPE", 240, "WEIGHT", 320, "COMMODITY DESCRIPTION", 480, "NMFC #", 540, "CLASS")
	d.row(240, 60, "20", 100, "PLT", 150, "1,013", 190, "CTN", 240, "12,846.2", 320, "Clothing", 480, "49880", 540, "100")
	d.row(260, 60, "20", 150, "1,013", 240, "12,846.2", 320, "GRAND TOTAL")
	b := readAll(d).Bills[0]
	if b.Outcome != Reconciled || len(b.Tables) != 2 || b.Tables[0].Role != Orders || b.Tables[1].Role != Carrier {
		t.Fatalf("it is %s (%s): %+v", b.Outcome, b.Reason, b.Tables)
	}
	row := b.Tables[1].Rows[0]
	for f, want := range map[Field]string{Pallets: "20", UnitType: "PLT", Packages: "1,013", PackageType: "CTN", NMFC: "49880", Class: "100"} {
		if c := row.Cell(f); c == nil || c.Text != want {
			t.Errorf("%s is %+v, not %q", f, c, want)
		}
	}
	raw, err := json.Marshal(row)
	if err != nil || !strings.Contains(string(raw), `"handling_units":{"text":"20"`) {
		t.Errorf("as JSON it is %s, %v", raw, err)
	}
	for i := range d.Words {
		if d.Words[i].Text == "170" {
			d.Words[i].Text = "171"
		}
	}
	if b := readAll(d).Bills[0]; b.Outcome == Reconciled {
		t.Error("with another figure it still is")
	}
}

func TestLinesMakeColumnsWhereTextsTouch(t *testing.T) {
	d := sheet(1).put(240, 40, "BILL OF LADING")
	for _, x := range []float32{55, 180, 230, 300, 360} {
		d.down(x, 88, 200)
	}
	for _, y := range []float32{88, 106, 126, 146, 166, 200} {
		d.across(y, 55, 360)
	}
	d.row(100, 60, "DESCRIPTION OF GOODS", 185, "PCS", 240, "CARTONS", 305, "NET WT")
	// The descriptions run up to the figures, and end with numbers.
	d.row(120, 60, "Aluminium stool 1000 X 600", 182, "1,500", 240, "150", 305, "3,000.5")
	d.row(140, 60, "Aluminium table 2000 X 700", 182, "7,250", 240, "75", 305, "11,500.2")
	d.row(160, 60, "TOTAL", 182, "8,750", 240, "225", 305, "14,500.7")
	b := readAll(d).Bills[0]
	if b.Outcome != Reconciled || b.Tables[0].Rows[0].Cell(Pieces).Text != "1,500" {
		t.Errorf("it is %s (%s): %+v", b.Outcome, b.Reason, b.Tables)
	}
}

func TestHeadingsInSeveralStoreysAndLanguages(t *testing.T) {
	d := sheet(1).put(240, 40, "PACKING LIST")
	d.row(100, 60, "Style", 160, "No. of", 240, "Quantity", 320, "Gross").
		row(111, 160, "Cartons", 240, "(PCS)", 320, "Weight").row(122, 320, "(KGS)")
	d.row(145, 60, "A-100", 160, "240", 240, "11,520", 320, "3,100.55").row(159, 60, "A-101", 160, "71", 240, "3,360", 320, "881.20")
	d.row(180, 60, "TOTAL:", 160, "311", 240, "14,880", 320, "3,981.75")
	b := readAll(d).Bills[0]
	if b.Outcome != Reconciled || b.Tables[0].Rows[1].Cell(Weight).Unit != Kilograms || b.Tables[0].Rows[1].Cell(Packages).Text != "71" {
		t.Errorf("it is %s (%s): %+v", b.Outcome, b.Reason, b.Tables)
	}
}

func TestRowsThatNameTheirFigures(t *testing.T) {
	d := sheet(1).put(240, 40, "CARRIER CONFIRMATION")
	for i, n := range []string{"42", "170", "8"} {
		y := float32(100 + 60*i)
		d.put(60, y, "Depot").put(400, y, "Quantity: "+n+" ctn").put(400, y+12, "Weight: 630.5 lb")
	}
	b := readAll(d).Bills
	if len(b) != 1 || b[0].Outcome != Unchecked || len(b[0].Tables[0].Rows) != 3 || b[0].Tables[0].Rows[1].Cell(Packages).Figure != "170" {
		t.Errorf("%+v", b)
	}
}

func TestVICSNumbersHaveACheckDigit(t *testing.T) {
	right := 0
	for digit := range 10 {
		is, ok := VICS("0712345000001234" + fmt.Sprint(digit))
		if !is {
			t.Error("17 digits are not a VICS number")
		}
		if ok {
			right++
		}
	}
	// By hand: 3 times the even digits, 7+2+4+0+0+0+2+4, and once the odd ones,
	// 0+1+3+5+0+0+1+3, are 70: the check digit is 0.
	if _, ok := VICS("07123450000012340"); !ok || right != 1 {
		t.Errorf("%d digits are right", right)
	}
	for _, text := range []string{"7123", "0712345000001234X"} {
		if is, _ := VICS(text); is {
			t.Errorf("%s is one", text)
		}
	}
}

// The work on a page must be bounded, whatever is on it.
func TestHostilePagesEnd(t *testing.T) {
	d := sheet(1)
	for i := range 3 * maxWords {
		d.Words = append(d.Words, page.Word{Text: []string{"QTY", "WEIGHT", "12", "TOTAL", "CARTONS"}[i%5], Base: float32(i % 700), Size: 9,
			Box: page.Box{X0: float32(i * 7 % 600), Y0: float32(i%700) - 7, X1: float32(i*7%600) + 20, Y1: float32(i%700) + 2}})
	}
	for i := range 2 * page.MaxRules {
		d.Rules = append(d.Rules, page.Box{X0: float32(i % 600), Y0: float32(i % 300), X1: float32(i%600) + 0.5, Y1: 700})
	}
	for _, b := range readAll(d).Bills {
		if b.Outcome == Reconciled {
			t.Error("it is called reconciled")
		}
	}
}
